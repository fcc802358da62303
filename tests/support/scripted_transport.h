// SPDX-FileCopyrightText: the xbucket authors
// A Transport whose replies are written down in the test, in order, and which keeps what was asked.
#pragma once

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"
#include "xbucket/http/transport.h"
#include "xbucket/store/object_store.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace xbucket::testing {

struct ScriptedReply {
    int status = 200;
    Headers headers;
    std::string body;  // Content-Length is not made up: give it where it matters
    // The transfer fails: before any reply when status is 0, else after `body` was delivered.
    std::optional<Error> error = std::nullopt;
    // Runs when the request arrives.
    std::function<void()> before = nullptr;
};

struct SentRequest {
    HttpRequest request;  // its body_source and sink are gone
    std::string body;     // wherever it came from
    std::string header(std::string_view name) const {
        return std::string(request.headers.value_or_empty(name));
    }
};

// Thread-safe. Replies are given on a thread of its own, one request at a time; a request beyond
// the script fails with `internal`. Bodies reach sinks in pieces of `chunk` bytes.
class ScriptedTransport final : public Transport {
  public:
    explicit ScriptedTransport(size_t chunk = 1000) : chunk_(chunk), pool_("scripted", 1) {}

    void reply(ScriptedReply reply) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        script_.push_back(std::move(reply));
    }
    std::vector<SentRequest> sent() const EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return sent_;
    }
    SentRequest sent(size_t index) const EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return sent_.at(index);
    }
    size_t unused_replies() const EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return script_.size();
    }

    std::shared_ptr<Transfer> start(HttpRequest request, Done done) override {
        auto transfer = std::make_shared<ScriptedTransfer>();
        pool_.post(
            [this, transfer, request = std::move(request), done = std::move(done)]() mutable {
                done(run(std::move(request), *transfer));
            });
        return transfer;
    }
    TransportStats stats() const override EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        TransportStats out;
        out.requests = sent_.size();
        return out;
    }

  private:
    class ScriptedTransfer final : public Transfer {
      public:
        void resume() override {
            LockGuard lock(mutex_);
            resumed_ = true;
            changed_.notify_all();
        }
        void cancel() override {
            LockGuard lock(mutex_);
            cancelled_ = true;
            changed_.notify_all();
        }
        bool cancelled() {
            LockGuard lock(mutex_);
            return cancelled_;
        }
        void wait_for_resume() {
            LockGuard lock(mutex_);
            while (!resumed_ && !cancelled_) changed_.wait(mutex_);
            resumed_ = false;
        }

      private:
        Mutex mutex_;
        CondVar changed_;
        bool resumed_ GUARDED_BY(mutex_) = false;
        bool cancelled_ GUARDED_BY(mutex_) = false;
    };

    static std::string read_all(BodySource& source) {
        std::string out;
        char buffer[777];
        for (;;) {
            auto chunk = source.read(buffer);
            if (!chunk || chunk->bytes == 0) return out;
            out.append(buffer, chunk->bytes);
        }
    }

    ScriptedReply next_reply() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (script_.empty()) {
            return {.status = 0,
                    .error = Error(ErrorKind::internal, "the script has no more replies")};
        }
        ScriptedReply reply = std::move(script_.front());
        script_.pop_front();
        return reply;
    }

    Result<HttpResponse> run(HttpRequest request, ScriptedTransfer& transfer) EXCLUDES(mutex_) {
        std::string body = request.body_source ? read_all(*request.body_source) : request.body;
        const auto sink = std::move(request.sink);
        request.body_source = nullptr;
        request.sink = nullptr;
        {
            LockGuard lock(mutex_);
            sent_.push_back({std::move(request), std::move(body)});
        }
        ScriptedReply reply = next_reply();
        if (reply.before) reply.before();
        if (reply.status == 0) return std::move(*reply.error);
        HttpResponse response;
        response.status = reply.status;
        response.headers = reply.headers;
        if (sink) {
            if (auto taken = deliver(*sink, reply, transfer); !taken)
                return std::move(taken.error());
        } else {
            response.body = reply.body;
        }
        if (reply.error) return std::move(*reply.error);
        return response;
    }

    Result<void> deliver(BodySink& sink, const ScriptedReply& reply, ScriptedTransfer& transfer) {
        TRY(sink.on_headers(reply.status, reply.headers));
        std::string_view rest = reply.body;
        while (!rest.empty()) {
            if (transfer.cancelled()) return fail(ErrorKind::cancelled, "cancelled");
            const std::string_view piece = rest.substr(0, chunk_);
            const auto action = TRY(sink.on_data(piece));
            if (action == BodySink::Action::pause) {
                transfer.wait_for_resume();
            } else {
                rest.remove_prefix(piece.size());
            }
        }
        return {};
    }

    const size_t chunk_;
    mutable Mutex mutex_;
    std::deque<ScriptedReply> script_ GUARDED_BY(mutex_);
    std::vector<SentRequest> sent_ GUARDED_BY(mutex_);
    WorkerPool pool_;
};

// A BodySource over a string.
class StringSource final : public BodySource {
  public:
    explicit StringSource(std::string text) : text_(std::move(text)) {}
    uint64_t size() const override { return text_.size(); }
    Result<void> rewind() override {
        at_ = 0;
        ++rewinds_;
        return {};
    }
    Result<Chunk> read(std::span<char> buffer) override {
        const size_t bytes = std::min(buffer.size(), text_.size() - at_);
        text_.copy(buffer.data(), bytes, at_);
        at_ += bytes;
        return Chunk{bytes, false};
    }
    int rewinds() const { return rewinds_; }

  private:
    const std::string text_;
    size_t at_ = 0;
    int rewinds_ = 0;
};

// A GetSink into a string.
class StringSink final : public GetSink {
  public:
    Result<void> on_info(const ObjectInfo& info) override {
        ++infos;
        first_info = info;
        if (info_error) return *info_error;
        return {};
    }
    Result<BodySink::Action> on_data(std::string_view bytes) override {
        if (data_error) return *data_error;
        text.append(bytes);
        return BodySink::Action::taken;
    }
    std::string text;
    ObjectInfo first_info;
    int infos = 0;
    std::optional<Error> info_error;
    std::optional<Error> data_error;
};

}  // namespace xbucket::testing
