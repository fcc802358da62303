// SPDX-FileCopyrightText: the xbucket authors
#include "keeper_messages.h"

#include "pipe_io.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace xbucket::app {
namespace {

constexpr char kFirstErrorKind = ' ';

// One packet, and room for one descriptor.
struct Message {
    Message(char* data, size_t size) : bytes{data, size} {
        header.msg_iov = &bytes;
        header.msg_iovlen = 1;
        header.msg_control = rights.data();
        header.msg_controllen = rights.size();
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    msghdr header{};
    iovec bytes;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> rights{};
};

}  // namespace

std::string to_packet(const KeeperRequest& request) {
    return fmt::format("{}{}\n{}", static_cast<char>(request.kind), request.timeout_ms,
                       request.command);
}

std::optional<KeeperRequest> parse_packet(std::string_view packet) {
    const size_t line = packet.find('\n');
    if (line == std::string_view::npos || line == 0) return std::nullopt;
    const auto timeout = parse_u64(packet.substr(1, line - 1));
    if (!timeout) return std::nullopt;
    KeeperRequest request{.kind = static_cast<KeeperRequest::Kind>(packet.front()),
                          .timeout_ms = *timeout,
                          .command = std::string(packet.substr(line + 1))};
    switch (request.kind) {
        case KeeperRequest::Kind::program:
        case KeeperRequest::Kind::shell:
        case KeeperRequest::Kind::unmount:
        case KeeperRequest::Kind::seal:
            return request;
    }
    return std::nullopt;
}

bool send_packet(int control, std::string_view packet, int reply_end) {
    Message message(const_cast<char*>(packet.data()), packet.size());
    cmsghdr* const header = CMSG_FIRSTHDR(&message.header);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof reply_end);
    std::memcpy(CMSG_DATA(header), &reply_end, sizeof reply_end);
    ssize_t sent = 0;
    while ((sent = sendmsg(control, &message.header, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    return sent == static_cast<ssize_t>(packet.size());
}

std::optional<ReceivedPacket> receive_packet(int control, std::string& buffer) {
    buffer.resize(kRequestBytesMax);
    Message message(buffer.data(), buffer.size());
    ssize_t n = 0;
    while ((n = recvmsg(control, &message.header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    if (n <= 0) return std::nullopt;
    ReceivedPacket received;
    const cmsghdr* const header = CMSG_FIRSTHDR(&message.header);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        std::memcpy(&received.reply_end, CMSG_DATA(header), sizeof received.reply_end);
    }
    if ((message.header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
        received.request = parse_packet(std::string_view(buffer).substr(0, static_cast<size_t>(n)));
    }
    return received;
}

void write_reply(int fd, const Result<Secret>& result) {
    if (result) {
        write_all(fd, "k");
        write_all(fd, result->reveal());
        return;
    }
    write_all(
        fd, fmt::format("e{}{}",
                        static_cast<char>(kFirstErrorKind + static_cast<char>(result.error().kind)),
                        result.error().message));
}

Result<Secret> parse_reply(std::string_view reply) {
    if (reply.starts_with('k')) return Secret(reply.substr(1));
    if (reply.size() < 2 || reply.front() != 'e') {
        return fail(ErrorKind::io,
                    "the keeper, a process that xbucket started for this, is gone; mount anew");
    }
    const int kind = reply[1] - kFirstErrorKind;
    if (kind < 0 || kind > static_cast<int>(ErrorKind::internal)) {
        return fail(ErrorKind::internal, "a reply of the keeper that means nothing");
    }
    return fail(static_cast<ErrorKind>(kind), std::string(reply.substr(2)));
}

}  // namespace xbucket::app
