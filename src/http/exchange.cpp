// SPDX-FileCopyrightText: the xbucket authors
#include "exchange.h"

#include "curl_errors.h"
#include "easy_slot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace xbucket {

namespace {

constexpr Duration kTimePerByte = Duration(std::chrono::seconds(1)) / 1024;

TimePoint deadline(TimePoint now, Duration limit) {
    return limit > Duration::zero() ? now + limit : TimePoint::never();
}

int64_t milliseconds(Duration d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

}  // namespace

Exchange::Exchange(HttpRequest request, Transport::Done done, std::shared_ptr<Inbox> inbox,
                   const Clock& clock)
    : request_(std::move(request)),
      done_(std::move(done)),
      inbox_(std::move(inbox)),
      clock_(clock),
      total_deadline_(deadline(clock.now(), request_.timeouts.total)),
      upload_bytes_(request_.body_source ? request_.body_source->size() : request_.body.size()) {}

void Exchange::resume() {
    if (resume_posted_.exchange(true)) return;
    inbox_->post({Inbox::What::resume, shared_from_this()});
}

void Exchange::cancel() { inbox_->post({Inbox::What::cancel, shared_from_this()}); }

std::string Exchange::label() const {
    return fmt::format("{} {}: ", to_string(request_.method), request_.origin);
}

Result<void> Exchange::activate(EasySlot& slot) {
    TRY(rewind_body());
    state_ = State::active;
    slot_ = &slot;
    return {};
}

Result<void> Exchange::rewind_body() {
    sent_ = 0;
    return request_.body_source ? request_.body_source->rewind() : Result<void>();
}

int Exchange::before_attempt(uint64_t request_bytes_out) {
    if (!attempted_) {
        attempted_ = true;
        bytes_out_before_ = request_bytes_out;
    } else {
        const bool body_declined = expects_continue() && head_.status() == 417;
        if (!is_read() && !body_declined && request_bytes_out > bytes_out_before_) {
            error_ = fail(ErrorKind::network,
                          label() +
                              "the connection was lost before the reply, and the request "
                              "may have been carried out; it is not repeated blindly");
            return CURL_PREREQFUNC_ABORT;
        }
        head_.restart();
        if (auto rewound = rewind_body(); !rewound) {
            error_ = std::move(rewound).error();
            return CURL_PREREQFUNC_ABORT;
        }
    }
    paused_ = false;
    stall_deadline_ = deadline(clock_.now(), request_.timeouts.stall);
    return CURL_PREREQFUNC_OK;
}

void Exchange::progress(uint64_t bytes) {
    if (stall_deadline_ == TimePoint::never()) return;
    const Duration stall = request_.timeouts.stall;
    // More bytes than this buy the whole of `stall`; it also keeps the product from overflowing.
    const auto enough = static_cast<uint64_t>(stall / kTimePerByte) + 1;
    const TimePoint latest = slot_->pass_begun() + stall;
    const auto bought = static_cast<int64_t>(std::min<uint64_t>(bytes, enough)) * kTimePerByte;
    stall_deadline_ = std::min(latest, stall_deadline_ + bought);
}

size_t Exchange::take_header_line(std::string_view line) {
    auto fed = head_.feed(line);
    if (!fed) {
        error_ = std::move(fed).error().with_context(label() + "reading headers");
        return 0;
    }
    progress(line.size());
    // 417 to an Expect is followed by a repeat without it, so it is not the final head yet.
    const bool declined = expects_continue() && head_.status() == 417;
    if (*fed == ResponseHead::Progress::final_head && !head_delivered_ && !declined) {
        if (auto taken = final_head(); !taken) {
            error_ = std::move(taken).error();
            return 0;
        }
    }
    return line.size();
}

Result<void> Exchange::final_head() {
    if (request_.sink) return deliver_head();
    head_delivered_ = true;
    const auto length = head_.content_length();
    if (!length || request_.method == HttpMethod::head) return {};
    if (*length > request_.body_bytes_max) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("{}a reply of {} bytes where at most {} make sense; is this "
                                "address an object-storage service?",
                                label(), *length, request_.body_bytes_max));
    }
    // Believe a length only so far: memory is for bytes that have come.
    response_.body.reserve(std::min<uint64_t>(*length, 1U << 20));
    return {};
}

Result<void> Exchange::deliver_head() {
    if (head_delivered_) return {};
    head_delivered_ = true;
    return request_.sink ? request_.sink->on_headers(head_.status(), head_.headers())
                         : Result<void>();
}

size_t Exchange::take_body(std::string_view bytes) {
    if (auto delivered = deliver_head(); !delivered) {
        error_ = std::move(delivered).error();
        return CURL_WRITEFUNC_ERROR;
    }
    if (request_.sink) {
        auto action = request_.sink->on_data(bytes);
        if (!action) {
            error_ = std::move(action).error();
            return CURL_WRITEFUNC_ERROR;
        }
        if (*action == BodySink::Action::pause) {
            paused_ = true;
            return CURL_WRITEFUNC_PAUSE;
        }
    } else {
        if (response_.body.size() + bytes.size() > request_.body_bytes_max) {
            error_ = fail(ErrorKind::bad_reply,
                          fmt::format("{}a reply of more than {} bytes; is this address an "
                                      "object-storage service?",
                                      label(), request_.body_bytes_max));
            return CURL_WRITEFUNC_ERROR;
        }
        response_.body += bytes;
    }
    response_.body_bytes += bytes.size();
    progress(bytes.size());
    return bytes.size();
}

Result<BodySource::Chunk> Exchange::next_chunk(std::span<char> buffer) {
    const uint64_t left = upload_bytes_ - sent_;
    buffer = buffer.first(std::min<uint64_t>(buffer.size(), left));
    if (buffer.empty()) return BodySource::Chunk{};
    if (!request_.body_source) {
        std::memcpy(buffer.data(), request_.body.data() + sent_, buffer.size());
        return BodySource::Chunk{buffer.size(), false};
    }
    const BodySource::Chunk chunk = TRY(request_.body_source->read(buffer));
    CHECK(chunk.bytes <= buffer.size());
    if (chunk.bytes == 0 && !chunk.pause) {
        return fail(ErrorKind::io, fmt::format("{}the body to send ended {} bytes early; was the "
                                               "file changed while it was sent?",
                                               label(), left));
    }
    return chunk;
}

size_t Exchange::give_body(std::span<char> buffer) {
    auto chunk = next_chunk(buffer);
    if (!chunk) {
        error_ = std::move(chunk).error();
        return CURL_READFUNC_ABORT;
    }
    if (chunk->bytes == 0 && chunk->pause) {
        paused_ = true;
        return CURL_READFUNC_PAUSE;
    }
    sent_ += chunk->bytes;
    progress(chunk->bytes);
    return chunk->bytes;
}

int Exchange::seek_body(int64_t offset) {
    if (offset != 0) return CURL_SEEKFUNC_CANTSEEK;
    if (auto rewound = rewind_body(); !rewound) {
        error_ = std::move(rewound).error();
        return CURL_SEEKFUNC_FAIL;
    }
    return CURL_SEEKFUNC_OK;
}

bool Exchange::unpause() {
    resume_posted_ = false;
    if (!paused_) return false;
    paused_ = false;
    stall_deadline_ = deadline(clock_.now(), request_.timeouts.stall);
    return true;
}

std::optional<Error> Exchange::overdue(TimePoint now) const {
    if (now >= total_deadline_) {
        const std::string_view where = state_ == State::queued ? "waiting for a connection slot"
                                       : head_.complete()      ? "reading the reply"
                                       : attempted_            ? "waiting for the reply"
                                                               : "connecting";
        return fail(ErrorKind::timed_out,
                    fmt::format("{}not done within {} ms ({}); the service is slow or the network "
                                "is; try again later",
                                label(), milliseconds(request_.timeouts.total), where));
    }
    if (!paused_ && now >= stall_deadline_) {
        return fail(ErrorKind::timed_out,
                    fmt::format("{}less than 1 KiB/s for {} ms; the service or the network "
                                "hangs; try again later",
                                label(), milliseconds(request_.timeouts.stall)));
    }
    return std::nullopt;
}

TimePoint Exchange::next_look(TimePoint now) const {
    if (state_ != State::active) return total_deadline_;
    // No stall limit runs while connecting or paused, but one may begin at any moment.
    const bool running = !paused_ && stall_deadline_ != TimePoint::never();
    const TimePoint stall = running ? stall_deadline_ : deadline(now, request_.timeouts.stall);
    return std::min(total_deadline_, stall);
}

Result<HttpResponse> Exchange::conclude(CURLcode code, std::string_view detail, int os_error,
                                        long verify_result) {
    if (error_) return std::move(*error_);
    if (code != CURLE_OK) return error_from_curl(code, label(), detail, os_error, verify_result);
    if (!head_.complete()) {
        // libcurl takes the end of a connection for the end of the headers.
        return fail(ErrorKind::network,
                    label() + "the connection was closed in the middle of the reply's headers");
    }
    TRY(deliver_head());
    response_.status = head_.status();
    response_.headers = head_.take_headers();
    return std::move(response_);
}

void Exchange::finish(Result<HttpResponse> result, uint64_t request_bytes_out) {
    if (!result && !is_read()) {
        result.error().outcome_unknown = attempted_ && request_bytes_out > bytes_out_before_;
    }
    state_ = State::over;
    slot_ = nullptr;
    // Nothing of the caller's may live on in a Transfer that somebody keeps.
    request_.body_source.reset();
    request_.sink.reset();
    std::string().swap(request_.body);
    const Transport::Done done = std::move(done_);
    done_ = nullptr;
    if (done) done(std::move(result));
}

}  // namespace xbucket
