// SPDX-FileCopyrightText: the xbucket authors
// A store over a scripted transport, with a clock and credentials that the test holds.
#pragma once

#include "support/fake_clock.h"
#include "support/scripted_transport.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/http_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace xbucket::testing {

constexpr const char* kModified = "Tue, 14 Nov 2023 22:00:00 GMT";
constexpr const char* kServiceDate = "Tue, 14 Nov 2023 22:13:20 GMT";  // FakeClock's start

// Gives "ak1", "ak2", ... : one more after each refusal, up to `generations`.
class ChangingCredentials final : public CredentialsProvider {
  public:
    explicit ChangingCredentials(int generations = 1) : generations_(generations) {}
    Result<Credentials> get() override {
        LockGuard lock(mutex_);
        Credentials out;
        out.access_key_id = "ak" + std::to_string(generation_);
        out.access_key_secret = Secret("sk");
        out.session_token = token;
        out.expiration = expiration;
        return out;
    }
    std::optional<Credentials> get_at_once() override { return *get(); }
    bool refused(const Credentials&) override {
        LockGuard lock(mutex_);
        ++refusals_;
        if (generation_ >= generations_) return false;
        ++generation_;
        return true;
    }
    int refusals() const {
        LockGuard lock(mutex_);
        return refusals_;
    }
    Secret token;  // set before use
    std::optional<WallTime> expiration;

  private:
    mutable Mutex mutex_;
    const int generations_;
    int generation_ GUARDED_BY(mutex_) = 1;
    int refusals_ GUARDED_BY(mutex_) = 0;
};

inline HttpStoreConfig oss_config() {
    HttpStoreConfig config;
    config.dialect = DialectKind::oss;
    config.bucket = "examplebucket";
    config.endpoint = "https://oss-cn-hangzhou.aliyuncs.com";
    config.seed = 1;
    return config;
}

inline HttpStoreConfig s3_config() {
    HttpStoreConfig config;
    config.dialect = DialectKind::s3;
    config.bucket = "examplebucket";
    config.endpoint = "https://s3.us-east-1.amazonaws.com";
    config.seed = 1;
    return config;
}

// Replies that services give.
inline ScriptedReply object_reply(std::string body = "", Headers more = {}) {
    ScriptedReply reply;
    reply.headers = {{"ETag", "\"E1\""},
                     {"Content-Length", std::to_string(body.size())},
                     {"Last-Modified", kModified},
                     {"Date", kServiceDate}};
    for (const HeaderView header : more) reply.headers.set(header.name, header.value);
    reply.body = std::move(body);
    return reply;
}

inline ScriptedReply error_reply(int status, const std::string& code,
                                 const std::string& inside = "") {
    ScriptedReply reply;
    reply.status = status;
    reply.headers = {{"Date", kServiceDate}};
    if (!code.empty()) {
        reply.body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>m</Message>" +
                     inside + "</Error>";
    }
    return reply;
}

// As OSS answers HEAD: the document in a header.
inline ScriptedReply head_error(int status, const std::string& code) {
    ScriptedReply reply = error_reply(status, code);
    reply.headers.add("x-oss-err", base64_encode(reply.body));
    reply.body.clear();
    return reply;
}

inline ScriptedReply copy_reply(const std::string& etag = "E1") {
    ScriptedReply reply;
    reply.headers = {{"Date", kServiceDate}};
    reply.body =
        "<CopyObjectResult><ETag>\"" + etag +
        "\"</ETag><LastModified>2023-11-14T22:13:20.750Z</LastModified></CopyObjectResult>";
    return reply;
}

inline ScriptedReply broken(ErrorKind kind, bool outcome_unknown) {
    Error error(kind, "the connection broke");
    error.outcome_unknown = outcome_unknown;
    return {.status = 0, .error = error};
}

class StoreFixture : public ::testing::Test {
  protected:
    ObjectStore& make(const HttpStoreConfig& config) {
        auto made = make_http_store(config, transport, credentials, clock);
        EXPECT_TRUE(made) << (made ? "" : made.error().describe());
        store_ = std::move(*made);
        return *store_;
    }
    void TearDown() override {
        store_.reset();
        EXPECT_EQ(transport.unused_replies(), 0U);
    }
    FakeClock clock;
    ScriptedTransport transport;
    ChangingCredentials credentials{3};

  private:
    std::unique_ptr<ObjectStore> store_;
};

// "k=v" of a request's target; "" when it is not there.
inline std::string target_of(const SentRequest& sent) { return sent.request.target; }

}  // namespace xbucket::testing
