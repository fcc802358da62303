// SPDX-FileCopyrightText: the xbucket authors
#include "keeper_messages.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <cerrno>
#include <unistd.h>

namespace xbucket::app {
namespace {

constexpr char kFirstErrorKind = ' ';

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // nobody waits for it any more
        bytes.remove_prefix(static_cast<size_t>(n));
    }
}

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
