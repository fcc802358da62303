// SPDX-FileCopyrightText: the xbucket authors
// Streaming bodies both ways, with pauses that end from other threads, and errors of their own.
#include "http_fixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

namespace xbucket::testing {
namespace {

std::string pattern(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 7 + i / 251) & 0xff);
    return text;
}

// Gives what has been put in; pauses while there is nothing.
class FedSource final : public BodySource {
  public:
    explicit FedSource(uint64_t size) : size_(size) {}
    uint64_t size() const override { return size_; }
    Result<void> rewind() override {
        LockGuard lock(mutex_);
        ++rewinds_;
        position_ = 0;
        return {};
    }
    Result<Chunk> read(std::span<char> buffer) override {
        LockGuard lock(mutex_);
        const size_t bytes = std::min(buffer.size(), data_.size() - position_);
        std::copy_n(data_.data() + position_, bytes, buffer.data());
        position_ += bytes;
        if (bytes == 0 && !ended_) {
            ++pauses_;
            changed_.notify_all();
            return Chunk{0, true};
        }
        return Chunk{bytes, false};
    }
    void put(std::string_view bytes) {
        LockGuard lock(mutex_);
        data_ += bytes;
    }
    void end() {
        LockGuard lock(mutex_);
        ended_ = true;
    }
    void wait_for_pauses(size_t count) {
        LockGuard lock(mutex_);
        while (pauses_ < count) changed_.wait(mutex_);
    }
    size_t rewinds() {
        LockGuard lock(mutex_);
        return rewinds_;
    }

  private:
    const uint64_t size_;
    Mutex mutex_;
    CondVar changed_;
    std::string data_ GUARDED_BY(mutex_);
    size_t position_ GUARDED_BY(mutex_) = 0;
    size_t pauses_ GUARDED_BY(mutex_) = 0;
    size_t rewinds_ GUARDED_BY(mutex_) = 0;
    bool ended_ GUARDED_BY(mutex_) = false;
};

// Takes bytes up to an allowance; pauses beyond it.
class MeteredSink final : public BodySink {
  public:
    explicit MeteredSink(size_t allowance) : allowance_(allowance) {}
    Result<void> on_headers(int status, const Headers& headers) override {
        LockGuard lock(mutex_);
        ++heads_;
        status_ = status;
        etag_ = headers.value_or_empty("ETag");
        return {};
    }
    Result<Action> on_data(std::string_view bytes) override {
        LockGuard lock(mutex_);
        if (data_.size() >= allowance_) {
            ++pauses_;
            changed_.notify_all();
            return Action::pause;
        }
        data_ += bytes;
        changed_.notify_all();
        return Action::taken;
    }
    void allow(size_t allowance) {
        LockGuard lock(mutex_);
        allowance_ = allowance;
    }
    void wait_for_pauses(size_t count) {
        LockGuard lock(mutex_);
        while (pauses_ < count) changed_.wait(mutex_);
    }
    // False when `size` bytes have come instead.
    bool wait_for_pauses_or_size(size_t count, size_t size) {
        LockGuard lock(mutex_);
        while (pauses_ < count && data_.size() < size) changed_.wait(mutex_);
        return data_.size() < size;
    }
    std::string data() {
        LockGuard lock(mutex_);
        return data_;
    }
    int heads() {
        LockGuard lock(mutex_);
        return heads_;
    }
    int status() {
        LockGuard lock(mutex_);
        return status_;
    }
    std::string etag() {
        LockGuard lock(mutex_);
        return etag_;
    }

  private:
    Mutex mutex_;
    CondVar changed_;
    size_t allowance_ GUARDED_BY(mutex_);
    std::string data_ GUARDED_BY(mutex_);
    size_t pauses_ GUARDED_BY(mutex_) = 0;
    int heads_ GUARDED_BY(mutex_) = 0;
    int status_ GUARDED_BY(mutex_) = 0;
    std::string etag_ GUARDED_BY(mutex_);
};

class BodiesTest : public HttpTest {};

TEST_F(BodiesTest, upload_is_streamed_and_pauses_while_the_source_has_nothing) {
    const std::string body = pattern(3 << 20);
    auto source = std::make_shared<FedSource>(body.size());
    HttpRequest made = request(HttpMethod::put);
    made.body_source = source;
    made.request_class = RequestClass::data;
    Started started = start(*transport, std::move(made));
    for (size_t i = 0; i < 3; ++i) {
        source->wait_for_pauses(i + 1);
        source->put(std::string_view(body).substr(i << 20, 1 << 20));
        started.transfer->resume();
    }
    const auto response = started.result.get();
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(server.request(0).body, body);
    EXPECT_EQ(server.request(0).header("Content-Length"), std::to_string(body.size()));
    EXPECT_EQ(transport->stats().bytes_out, body.size());
}

TEST_F(BodiesTest, pause_of_our_own_is_no_stall) {
    auto source = std::make_shared<FedSource>(5);
    HttpRequest made = request(HttpMethod::put);
    made.body_source = source;
    made.timeouts.stall = ms(500);  // which a busy machine may take for the rest
    Started started = start(*transport, std::move(made));
    source->wait_for_pauses(1);
    ASSERT_EQ(started.result.wait_for(std::chrono::milliseconds(1200)),
              std::future_status::timeout);
    source->put("hello");
    started.transfer->resume();
    const auto response = started.result.get();
    ASSERT_TRUE(response) << response.error().describe();
}

TEST_F(BodiesTest, total_limit_runs_through_pauses) {
    HttpRequest made = request(HttpMethod::put);
    made.body_source = std::make_shared<FedSource>(5);
    made.timeouts.total = ms(30);
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::timed_out);
}

TEST_F(BodiesTest, source_is_rewound_before_it_is_read) {
    auto source = std::make_shared<FedSource>(5);
    source->put("hello");
    for (size_t i = 0; i < 2; ++i) {
        HttpRequest made = request(HttpMethod::post);
        made.body_source = source;
        ASSERT_TRUE(send(std::move(made)));
        EXPECT_EQ(server.requests().back().body, "hello");
        EXPECT_EQ(source->rewinds(), i + 1);
    }
}

TEST_F(BodiesTest, source_that_ends_early_fails_the_upload_at_once) {
    auto source = std::make_shared<FedSource>(10);
    source->put("hello");
    source->end();
    HttpRequest made = request(HttpMethod::put);
    made.body_source = source;
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::io);
    EXPECT_TRUE(response.error().outcome_unknown);
}

TEST_F(BodiesTest, source_is_never_read_beyond_its_size) {
    auto source = std::make_shared<FedSource>(5);
    source->put("hello, and more");
    HttpRequest made = request(HttpMethod::put);
    made.body_source = source;
    ASSERT_TRUE(send(std::move(made)));
    EXPECT_EQ(server.request(0).body, "hello");
    ASSERT_TRUE(send(request(HttpMethod::get)));  // the connection is in order
    EXPECT_EQ(server.connections(), 1U);
}

class FailingSource final : public BodySource {
  public:
    explicit FailingSource(bool at_rewind) : at_rewind_(at_rewind) {}
    uint64_t size() const override { return 5; }
    Result<void> rewind() override {
        if (at_rewind_) return fail(ErrorKind::no_space, "rewind failed");
        return {};
    }
    Result<Chunk> read(std::span<char>) override {
        return fail(ErrorKind::checksum_mismatch, "read failed");
    }

  private:
    const bool at_rewind_;
};

TEST_F(BodiesTest, error_of_the_source_is_the_error_of_the_transfer) {
    HttpRequest made = request(HttpMethod::put);
    made.body_source = std::make_shared<FailingSource>(false);
    auto response = send(made);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::checksum_mismatch);
    made.body_source = std::make_shared<FailingSource>(true);
    response = send(made);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::no_space);
    EXPECT_FALSE(response.error().outcome_unknown);
}

TEST_F(BodiesTest, download_is_streamed_and_waits_while_the_sink_is_full) {
    const std::string body = pattern(5 << 20);
    server.next(raw::reply("206 Partial Content", "ETag: \"e\"\r\n", body));
    auto sink = std::make_shared<MeteredSink>(0);
    HttpRequest made = request(HttpMethod::get);
    made.sink = sink;
    made.body_bytes_max = 10;  // is for collected bodies only
    made.request_class = RequestClass::data;
    Started started = start(*transport, std::move(made));
    std::thread consumer([&] {
        for (size_t i = 1; i <= 5; ++i) {
            sink->wait_for_pauses(i);
            EXPECT_LE(sink->data().size(), (i << 20) + (64 << 10));  // back-pressure holds
            sink->allow(i << 20);
            started.transfer->resume();
        }
    });
    const auto response = started.result.get();
    consumer.join();
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(sink->data(), body);
    EXPECT_EQ(sink->heads(), 1);
    EXPECT_EQ(sink->status(), 206);
    EXPECT_EQ(sink->etag(), "\"e\"");
    EXPECT_EQ(response->body, "");
    EXPECT_EQ(response->body_bytes, body.size());
    EXPECT_EQ(response->headers.get("ETag"), "\"e\"");
    EXPECT_EQ(transport->stats().bytes_in, body.size());
}

TEST_F(BodiesTest, sink_gets_the_head_of_a_reply_without_a_body) {
    for (const HttpMethod method : {HttpMethod::head, HttpMethod::get, HttpMethod::put}) {
        server.next(raw::reply("204 No Content"));
        auto sink = std::make_shared<MeteredSink>(SIZE_MAX);
        HttpRequest made = request(method);
        made.sink = sink;
        ASSERT_TRUE(send(std::move(made)));
        EXPECT_EQ(sink->heads(), 1);
        EXPECT_EQ(sink->status(), 204);
    }
}

class FailingSink final : public BodySink {
  public:
    enum class When { head, first, after_pause };
    explicit FailingSink(When when) : when_(when) {}
    Result<void> on_headers(int, const Headers&) override {
        if (when_ == When::head) return fail(ErrorKind::stale, "another ETag");
        return {};
    }
    Result<Action> on_data(std::string_view) override {
        if (when_ == When::after_pause && !paused.exchange(true)) return Action::pause;
        return fail(ErrorKind::no_space, "sink failed");
    }
    const When when_;
    std::atomic<bool> paused{false};
};

TEST_F(BodiesTest, error_of_the_sink_is_the_error_of_the_transfer) {
    server.always(raw::reply("200 OK", "", "body"));
    for (const auto& [when, kind] :
         {std::pair{FailingSink::When::head, ErrorKind::stale},
          std::pair{FailingSink::When::first, ErrorKind::no_space},
          std::pair{FailingSink::When::after_pause, ErrorKind::no_space}}) {
        auto sink = std::make_shared<FailingSink>(when);
        HttpRequest made = request(HttpMethod::get);
        made.sink = sink;
        Started started = start(*transport, std::move(made));
        while (when == FailingSink::When::after_pause && !sink->paused) std::this_thread::yield();
        started.transfer->resume();
        const auto response = started.result.get();
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, kind) << response.error().describe();
        EXPECT_FALSE(response.error().outcome_unknown);
    }
    EXPECT_TRUE(send(request(HttpMethod::get)));
}

TEST_F(BodiesTest, resume_is_harmless_at_any_time) {
    server.next(raw::stall());
    Started started = start(*transport, request(HttpMethod::get));
    started.transfer->resume();
    ASSERT_TRUE(server.wait_for_requests(1));
    for (int i = 0; i < 100; ++i) started.transfer->resume();
    server.release();
    ASSERT_TRUE(started.result.get());
    started.transfer->resume();
    started.transfer->cancel();
    transport.reset();
    started.transfer->resume();
    started.transfer->cancel();
}

TEST_F(BodiesTest, upload_and_download_pause_independently_many_times) {
    // A small budget of bytes on both ends, each refilled from this thread whenever it is empty.
    const std::string body = pattern(400'000);
    // Its own copy: the last bytes can be here before the server's thread is back from send().
    server.next([body](RawConnection& connection) {
        connection.read_body();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n");
        connection.send(body);
    });
    auto source = std::make_shared<FedSource>(body.size());
    auto sink = std::make_shared<MeteredSink>(0);
    HttpRequest made = request(HttpMethod::post);
    made.body_source = source;
    made.sink = sink;
    Started started = start(*transport, std::move(made));
    for (size_t at = 0; at < body.size(); at += 20'000) {
        source->wait_for_pauses(at / 20'000 + 1);
        source->put(std::string_view(body).substr(at, 20'000));
        started.transfer->resume();
    }
    for (size_t i = 1; sink->wait_for_pauses_or_size(i, body.size()); ++i) {
        sink->allow(sink->data().size() + 1);
        started.transfer->resume();
    }
    const auto response = started.result.get();
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(server.request(0).body, body);
    EXPECT_EQ(sink->data(), body);
}

}  // namespace
}  // namespace xbucket::testing
