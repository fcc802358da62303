// SPDX-FileCopyrightText: the xbucket authors
#include "get_transfer.h"

#include "errors.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

// What has been delivered, over all attempts. Touched by the transport's thread during an attempt
// and by the caller's between them; the wait for its end orders the two.
struct Progress {
    bool started = false;  // on_info() was called
    ObjectInfo info;
    uint64_t position = 0;              // next byte wanted
    uint64_t end = 0;                   // first byte not wanted; known once started
    std::optional<ContentCheck> check;  // where the range is the whole object
    bool done() const { return started && position == end; }
};

// "bytes 5-9/100". nullopt for anything else, an unknown total included.
struct ContentRange {
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text) {
    text = trim_ows(text);
    if (text.size() < 6 || !iequals(text.substr(0, 6), "bytes ")) return std::nullopt;
    text.remove_prefix(6);
    const size_t dash = text.find('-');
    const size_t slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) {
        return std::nullopt;
    }
    const auto first = parse_u64(trim_ows(text.substr(0, dash)));
    const auto last = parse_u64(trim_ows(text.substr(dash + 1, slash - dash - 1)));
    const auto total = parse_u64(trim_ows(text.substr(slash + 1)));
    if (!first || !last || !total || *first > *last || *last >= *total || *total > INT64_MAX) {
        return std::nullopt;
    }
    return ContentRange{*first, *last, *total};
}

// Takes one attempt's reply.
class AttemptSink final : public BodySink {
  public:
    AttemptSink(const Dialect& dialect, const GetRequest& request, Progress& progress,
                GetSink& sink)
        : dialect_(dialect), request_(request), progress_(progress), sink_(sink) {}

    Result<void> on_headers(int status, const Headers& headers) override {
        accepted_ = status == 200 || status == 206;
        if (!accepted_) return {};
        const bool ranged = request_.length != 0 || progress_.position != 0;
        if (status == 206) return start_partial(headers, ranged);
        return start_whole(headers);
    }

    Result<Action> on_data(std::string_view bytes) override {
        if (!accepted_) {
            constexpr size_t kErrorBytesMax = 64 << 10;
            error_body_.append(
                bytes.substr(0, kErrorBytesMax - std::min(kErrorBytesMax, error_body_.size())));
            return Action::taken;
        }
        const size_t skipped = static_cast<size_t>(std::min<uint64_t>(skip_, bytes.size()));
        const uint64_t wanted = progress_.end - progress_.position;
        const std::string_view part =
            bytes.substr(skipped, static_cast<size_t>(std::min<uint64_t>(wanted, bytes.size())));
        if (!part.empty()) {
            auto action = sink_.on_data(part);
            if (!action || *action == Action::pause) {
                sink_failed_ = !action;
                return action;  // nothing was taken: the same bytes come again
            }
            if (progress_.check) progress_.check->update(part);
            progress_.position += part.size();
        }
        skip_ -= skipped;
        if (progress_.done() && skipped + part.size() < bytes.size()) {
            // The service ignored the range and goes on; nobody wants the rest.
            return fail(ErrorKind::cancelled, "all of the range is here");
        }
        return Action::taken;
    }

    // The error came from the caller's sink, so that no retry can mend it.
    bool sink_failed() const { return sink_failed_; }
    std::string take_error_body() { return std::move(error_body_); }

  private:
    Result<void> start_partial(const Headers& headers, bool ranged) {
        const auto range = parse_content_range(headers.value_or_empty("content-range"));
        if (!ranged || !range) {
            return fail(ErrorKind::bad_reply, "the reply's range is not the one asked for");
        }
        ObjectInfo info = TRY(dialect_.parse_object(headers, range->total));
        skip_ = 0;
        TRY(adopt(std::move(info)));
        if (range->first != progress_.position || range->last + 1 != progress_.end) {
            return fail(
                ErrorKind::bad_reply,
                fmt::format("the reply has bytes {} to {} where {} to {} were asked for",
                            range->first, range->last, progress_.position, progress_.end - 1));
        }
        return {};
    }

    // Whole object: asked for, or the service does not do ranges (OSS in its own range behaviour),
    // and the part wanted is cut out here.
    Result<void> start_whole(const Headers& headers) {
        ObjectInfo info = TRY(dialect_.parse_object(headers));
        TRY(adopt(std::move(info)));
        skip_ = progress_.position;
        return {};
    }

    Result<void> adopt(ObjectInfo info) {
        if (progress_.started) {
            if (info.etag != progress_.info.etag || info.size != progress_.info.size) {
                return fail(ErrorKind::precondition_failed,
                            "the object was replaced while it was being read");
            }
            return {};
        }
        if (info.size <= request_.offset &&
            (info.size != 0 || request_.offset != 0 || request_.length != 0)) {
            return fail(ErrorKind::bad_range,
                        fmt::format("the object has only {} bytes", info.size));
        }
        const uint64_t rest = info.size - request_.offset;
        progress_.end =
            request_.offset + (request_.length == 0 ? rest : std::min(rest, request_.length));
        if (progress_.end - progress_.position == info.size) {
            progress_.check = ContentCheck::of(info);
        }
        progress_.info = std::move(info);
        progress_.started = true;
        auto taken = sink_.on_info(progress_.info);
        sink_failed_ = !taken;
        return taken;
    }

    const Dialect& dialect_;
    const GetRequest& request_;
    Progress& progress_;
    GetSink& sink_;
    bool accepted_ = false;
    bool sink_failed_ = false;
    uint64_t skip_ = 0;
    std::string error_body_;
};

// What the caller's sink resumes: the attempt under way, whichever it is.
class CurrentTransfer final : public Transfer {
  public:
    void set(std::shared_ptr<Transfer> transfer) EXCLUDES(mutex_) {
        bool was_cancelled = false;
        {
            LockGuard lock(mutex_);
            transfer_ = transfer;
            was_cancelled = cancelled_;
        }
        if (!transfer) return;
        // A pause may have come, and gone, before start() had returned: resume once more.
        transfer->resume();
        if (was_cancelled) transfer->cancel();
    }
    void resume() override {
        if (const auto transfer = get()) transfer->resume();
    }
    void cancel() override EXCLUDES(mutex_) {
        {
            LockGuard lock(mutex_);
            cancelled_ = true;
        }
        if (const auto transfer = get()) transfer->cancel();
    }

  private:
    std::shared_ptr<Transfer> get() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return transfer_;
    }
    Mutex mutex_;
    std::shared_ptr<Transfer> transfer_ GUARDED_BY(mutex_);
    bool cancelled_ GUARDED_BY(mutex_) = false;
};

Result<HttpResponse> send_once(Transport& transport, HttpRequest request,
                               const std::shared_ptr<AttemptSink>& sink, CurrentTransfer& current) {
    request.sink = sink;
    std::optional<Result<HttpResponse>> result;
    CountDown unanswered(1);
    current.set(transport.start(std::move(request), [&](Result<HttpResponse> answer) {
        result = std::move(answer);
        unanswered.count_down();
    }));
    unanswered.wait();
    current.set(nullptr);
    if (*result && (*result)->body.empty()) (*result)->body = sink->take_error_body();
    return *std::move(result);
}

Result<RequestParts> next_parts(const Dialect& dialect, const GetRequest& request,
                                const Progress& progress) {
    if (!progress.started) {
        return dialect.get(request.key, request.offset, request.length, request.if_match,
                           request.version, request.whole);
    }
    return dialect.get(request.key, progress.position, progress.end - progress.position,
                       progress.info.etag, request.version);
}

Result<ObjectInfo> finished(Progress& progress, EtagDoubts* doubts) {
    if (!progress.check) return progress.info;
    const ContentCheck::Verdict verdict = progress.check->finish();
    if (verdict.right) return progress.info;
    if (verdict.by_etag && doubts && doubts->came_before(progress.info.etag, verdict.found)) {
        log_debug("store", "event=etag_is_no_md5 etag={} md5={}", progress.info.etag.str(),
                  verdict.found);
        return progress.info;
    }
    return fail(ErrorKind::checksum_mismatch,
                fmt::format("the bytes of the object have {} {} but the service says {}",
                            verdict.name, verdict.found, verdict.expected));
}

}  // namespace

Result<ObjectInfo> run_get(Requester& requester, const Dialect& dialect, const GetRequest& request,
                           GetSink& sink, EtagDoubts* doubts, const CallOptions& options) {
    Progress progress;
    progress.position = request.offset;
    const auto current = std::make_shared<CurrentTransfer>();
    sink.on_start(current);
    RequestParts parts = TRY(next_parts(dialect, request, progress));
    Requester::Call call = requester.begin(parts, options);
    for (;;) {
        const uint64_t before = progress.position;
        auto attempt = requester.prepare(parts, call);
        if (!attempt) return requester.give_up(parts, std::move(attempt.error()), call);
        const auto attempt_sink = std::make_shared<AttemptSink>(dialect, request, progress, sink);
        auto result = requester.check(
            parts,
            send_once(requester.transport(), std::move(attempt->request), attempt_sink, *current));
        if (attempt_sink->sink_failed() && !result) return std::move(result.error());
        // A connection may die, or be cut by us, after the last byte that was wanted.
        if (progress.done()) {
            auto info = finished(progress, doubts);
            if (!info) return requester.give_up(parts, std::move(info.error()), call);
            return info;
        }
        Error error =
            result ? fail(ErrorKind::network, "the body ended early") : std::move(result.error());
        constexpr uint64_t kProgress = 64 << 10;
        if (progress.started && progress.position - before >= kProgress) call.attempts = 1;
        if (!requester.again(parts, *attempt, error, call)) {
            return requester.give_up(parts, std::move(error), call);
        }
        parts = TRY(next_parts(dialect, request, progress));
    }
}

}  // namespace xbucket
