// SPDX-FileCopyrightText: the xbucket authors
// The part of an exchange that hands its reply to libmicrohttpd.
#include "exchange.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace xbucket::local {

namespace {

// A body in several files, or one that a fault distorts.
struct SliceReader {
    std::vector<OpenSlice> slices;
    std::string text;  // used when there are no slices
    uint64_t cut_at = UINT64_MAX;
    uint64_t flip_at = UINT64_MAX;

    ssize_t read(uint64_t pos, char* buffer, size_t max) {
        if (pos >= cut_at) return MHD_CONTENT_READER_END_WITH_ERROR;
        max = static_cast<size_t>(std::min<uint64_t>(max, cut_at - pos));
        ssize_t n = slices.empty() ? read_text(pos, buffer, max) : read_slices(pos, buffer, max);
        if (n > 0 && flip_at >= pos && flip_at < pos + static_cast<uint64_t>(n)) {
            buffer[flip_at - pos] = static_cast<char>(buffer[flip_at - pos] ^ 0x10);
        }
        return n;
    }
    ssize_t read_text(uint64_t pos, char* buffer, size_t max) const {
        const size_t n = std::min<size_t>(max, text.size() - static_cast<size_t>(pos));
        text.copy(buffer, n, static_cast<size_t>(pos));
        return static_cast<ssize_t>(n);
    }
    ssize_t read_slices(uint64_t pos, char* buffer, size_t max) const {
        for (const auto& slice : slices) {
            if (pos >= slice.size()) {
                pos -= slice.size();
                continue;
            }
            const size_t want = static_cast<size_t>(std::min<uint64_t>(max, slice.size() - pos));
            ssize_t n = 0;
            do {
                n = ::pread(slice.fd(), buffer, want, static_cast<off_t>(slice.offset() + pos));
            } while (n < 0 && errno == EINTR);
            return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
        }
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
};

ssize_t read_callback(void* cls, uint64_t pos, char* buffer, size_t max) {
    return static_cast<SliceReader*>(cls)->read(pos, buffer, max);
}
void free_callback(void* cls) { delete static_cast<SliceReader*>(cls); }
ssize_t no_body(void*, uint64_t, char*, size_t) { return MHD_CONTENT_READER_END_WITH_ERROR; }

constexpr size_t kBlock = 256U << 10;

// What the buffers of a connection take, whether its client reads or not.
constexpr uint64_t kBuffered = 64U << 10;

void add_force_download(Reply& reply) {
    constexpr std::string_view kDisposition = "Content-Disposition";
    const bool stored =
        std::any_of(reply.headers.begin(), reply.headers.end(),
                    [&](const Header& header) { return iequals(header.name, kDisposition); });
    if (!stored) reply.add(kDisposition, "attachment");
    reply.add("x-oss-force-download", "true");
}

}  // namespace

MHD_Response* Exchange::make_response() {
    if (request_.is_head()) {
        if (reply_.head_length == 0) {
            return MHD_create_response_from_buffer(0, nullptr, MHD_RESPMEM_PERSISTENT);
        }
        return MHD_create_response_from_callback(reply_.head_length, 1, no_body, nullptr, nullptr);
    }
    const uint64_t size = reply_.body_size();
    bytes_out_ = size;
    const bool truncated = fault_.action == FaultAction::truncate_body;
    const bool distorted = truncated || fault_.action == FaultAction::corrupt_body;
    if (size > 0 && (distorted || reply_.slices.size() > 1)) {
        auto* reader = new SliceReader{std::move(reply_.slices), reply_.body};
        if (truncated) reader->cut_at = bytes_out_ = size / 2;
        if (distorted && !truncated) reader->flip_at = size / 2;
        return MHD_create_response_from_callback(size, kBlock, read_callback, reader,
                                                 free_callback);
    }
    if (reply_.slices.size() == 1) {
        OpenSlice& slice = reply_.slices.front();
        const uint64_t offset = slice.offset();
        return MHD_create_response_from_fd_at_offset64(size, slice.release(), offset);
    }
    // The exchange lives until the reply is sent, and with it the bytes.
    return MHD_create_response_from_buffer(reply_.body.size(), reply_.body.data(),
                                           MHD_RESPMEM_PERSISTENT);
}

MHD_Result Exchange::answer(MHD_Connection* connection) {
    if (engine_.log != nullptr && admin_ != Admin::log) {
        owed_ = engine_.log->owe(!request_.is_head() && reply_.body_size() > kBuffered);
    }
    switch (fault_.action) {
        case FaultAction::drop:
        case FaultAction::apply_drop:
        case FaultAction::stall:
        case FaultAction::apply_stall:
            return kill(connection, false);
        case FaultAction::reset:
        case FaultAction::apply_reset:
            return kill(connection, true);
        case FaultAction::none:
        case FaultAction::status:
        case FaultAction::delay:
        case FaultAction::truncate_body:
        case FaultAction::corrupt_body:
        case FaultAction::ok_with_error:
        case FaultAction::wrong_etag:
        case FaultAction::ignore_conditions:
        case FaultAction::lose_tags:
            break;
        case FaultAction::force_download:
            add_force_download(reply_);
            break;
    }
    MHD_Response* response = make_response();
    if (response == nullptr) return MHD_NO;
    for (const auto& h : reply_.headers) {
        // libmicrohttpd takes no empty values; a blank is trimmed by every reader.
        const char* value = h.value.empty() ? " " : h.value.c_str();
        MHD_add_response_header(response, h.name.c_str(), value);
    }
    if (reply_.close || engine_.draining.load())
        MHD_add_response_header(response, "Connection", "close");
    const MHD_Result queued =
        MHD_queue_response(connection, static_cast<unsigned>(reply_.status), response);
    MHD_destroy_response(response);
    state_ = State::queued;
    status_sent_ = reply_.status;
    return queued;
}

MHD_Result Exchange::kill(MHD_Connection* connection, bool reset) {
    if (reset) {
        const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info != nullptr) {
            // Dissolving the association makes the kernel send RST instead of FIN.
            sockaddr unspecified{};
            unspecified.sa_family = AF_UNSPEC;
            ::connect(info->connect_fd, &unspecified, sizeof unspecified);
        }
    }
    return MHD_NO;
}

}  // namespace xbucket::local
