// SPDX-FileCopyrightText: the xbucket authors
// One request and what comes of it: the Transfer that callers hold, the receiver of libcurl's
// callbacks, the deadlines, and the rule about repeating requests.
//
// Repeats. When a reused connection dies before a byte of the reply has come, libcurl sends the
// request again on another connection. For GET and HEAD that is welcome. A mutation may have been
// applied although its reply is lost, and repeating a guarded copy would answer our own success
// with 412 (DESIGN 3.6). So the repeat of any other method is refused here as soon as one byte of
// its first attempt has gone out; the caller gets `network` with outcome_unknown and decides by
// HEAD-and-compare. A repeat of which nothing had gone out, and that of an upload whose
// "Expect: 100-continue" was refused with 417, are harmless and allowed.
//
// Stall. Bytes buy time: the limit moves 1/1024 s ahead for each byte that moves, never more than
// `stall` into the future. So a dead transfer ends after exactly `stall`, and one at less than
// 1 KiB/s soon. Time in which our own side has paused the transfer does not count. What is
// sent counts when the kernel takes it; open_socket() in easy_slot.cpp keeps that honest.
#pragma once

#include "inbox.h"
#include "response_head.h"

#include "xbucket/http/transport.h"

#include <optional>

namespace xbucket {

class EasySlot;

class Exchange final : public Transfer, public std::enable_shared_from_this<Exchange> {
  public:
    Exchange(HttpRequest request, Transport::Done done, std::shared_ptr<Inbox> inbox,
             const Clock& clock);

    // Any thread.
    void resume() override;
    void cancel() override;

    // The rest is for the transport's thread, or for the thread that starts it, before that.

    // A request that must not be sent is still answered on the transport's thread.
    void refuse(Error error) { error_ = std::move(error); }
    const std::optional<Error>& refusal() const { return error_; }

    const HttpRequest& request() const { return request_; }
    uint64_t upload_bytes() const { return upload_bytes_; }
    bool expects_continue() const { return upload_bytes_ > kExpectAbove; }
    // Uploads up to this size do not ask for "100 Continue": the round trip costs more.
    static constexpr uint64_t kExpectAbove = 1U << 20;

    // Where it is: in its class's queue, in an EasySlot, or over (done has been called).
    enum class State { queued, active, over };
    State state() const { return state_; }
    EasySlot* slot() const { return slot_; }
    // Starts the clocks and rewinds the body. Errors: those of the BodySource.
    Result<void> activate(EasySlot& slot);

    // libcurl's callbacks, in terms of their return values.
    int before_attempt(uint64_t request_bytes_out);
    size_t take_header_line(std::string_view line);
    size_t take_body(std::string_view bytes);
    size_t give_body(std::span<char> buffer);
    int seek_body(int64_t offset);

    // Clears the pause; true when there was one.
    bool unpause();
    // The error when a deadline has passed.
    std::optional<Error> overdue(TimePoint now) const;
    // When to ask overdue() again, at the latest.
    TimePoint next_look(TimePoint now) const;

    // What the transfer came to, when libcurl is done with it. The error of a source or sink, or
    // one of ours, stands before libcurl's.
    Result<HttpResponse> conclude(CURLcode code, std::string_view detail, int os_error,
                                  long verify_result);
    // Ends it: marks the outcome unknown where it is, lets go of the request and calls done.
    // `request_bytes_out` is what libcurl has sent in all, 0 when it never had the request.
    void finish(Result<HttpResponse> result, uint64_t request_bytes_out);

    uint64_t body_bytes_in() const { return response_.body_bytes; }
    uint64_t body_bytes_out() const { return sent_; }
    void set_reused_connection(bool reused) { response_.reused_connection = reused; }

    // "PUT https://host: " for messages. Neither path nor query: those can hold signatures.
    std::string label() const;

  private:
    bool is_read() const {
        return request_.method == HttpMethod::get || request_.method == HttpMethod::head;
    }
    void progress(uint64_t bytes);
    Result<void> rewind_body();
    Result<void> deliver_head();
    Result<void> final_head();
    Result<BodySource::Chunk> next_chunk(std::span<char> buffer);

    HttpRequest request_;
    Transport::Done done_;
    const std::shared_ptr<Inbox> inbox_;
    const Clock& clock_;
    const TimePoint total_deadline_;
    std::atomic<bool> resume_posted_{false};

    State state_ = State::queued;
    EasySlot* slot_ = nullptr;
    uint64_t upload_bytes_ = 0;
    uint64_t sent_ = 0;  // of the upload, in this attempt
    bool attempted_ = false;
    uint64_t bytes_out_before_ = 0;  // libcurl's count when the first attempt began (a proxy's
                                     // CONNECT is in it)
    TimePoint stall_deadline_ = TimePoint::never();  // never: no connection yet, or paused
    bool paused_ = false;

    ResponseHead head_;
    bool head_delivered_ = false;
    HttpResponse response_;
    std::optional<Error> error_;  // ours, or of the source or sink
};

}  // namespace xbucket
