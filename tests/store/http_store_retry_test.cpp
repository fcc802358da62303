// SPDX-FileCopyrightText: the xbucket authors
// Attempts: what is sent again, what is never, and what is put right on the way.
#include "store_fixture.h"

#include <gmock/gmock.h>

#include <future>

namespace xbucket {
namespace {

using namespace testing;  // NOLINT: the fixture's vocabulary
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpStoreRetry : public StoreFixture {};

CopyRequest metadata_update() {
    CopyRequest request;
    request.source = ObjectKey("k");
    request.destination = ObjectKey("k");
    request.replace.emplace();
    return request;
}

TEST_F(HttpStoreRetry,
       a_throttled_read_is_sent_again_with_a_new_signature_after_the_delay_asked_for) {
    ObjectStore& store = make(oss_config());
    ScriptedReply slow = head_error(503, "SlowDown");
    slow.headers.add("Retry-After", "7");
    transport.reply(slow);
    transport.reply(object_reply("12345"));
    const TimePoint start = clock.now();
    const auto reply = store.head(ObjectKey("k"));
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(reply->info.size, 5U);
    EXPECT_GE(clock.now() - start, std::chrono::seconds(7));
    EXPECT_NE(transport.sent(0).header("x-oss-date"), transport.sent(1).header("x-oss-date"));
    EXPECT_NE(transport.sent(0).header("Authorization"), transport.sent(1).header("Authorization"));
    EXPECT_EQ(store.stats().retries, 1U);
    EXPECT_EQ(store.stats().requests.at("HEAD"), 2U);
}

TEST_F(HttpStoreRetry, a_read_whose_reply_was_lost_is_sent_again) {
    ObjectStore& store = make(oss_config());
    transport.reply(broken(ErrorKind::network, false));
    transport.reply(broken(ErrorKind::timed_out, false));
    transport.reply(object_reply("x"));
    EXPECT_TRUE(store.head(ObjectKey("k")));
}

TEST_F(HttpStoreRetry, a_server_that_always_fails_is_given_up_after_attempts_max_and_told_so) {
    HttpStoreConfig config = oss_config();
    config.attempts_max = 4;
    ObjectStore& store = make(config);
    for (int i = 0; i < 4; ++i) transport.reply(head_error(500, "InternalError"));
    const auto reply = store.head(ObjectKey("k"));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::server_error);
    EXPECT_FALSE(reply.error().outcome_unknown);
    EXPECT_THAT(reply.error().message, StartsWith("HEAD k (4 attempts): "));
}

TEST_F(HttpStoreRetry, a_deadline_ends_the_attempts) {
    ObjectStore& store = make(oss_config());
    ScriptedReply slow = head_error(503, "SlowDown");
    slow.headers.add("Retry-After", "20");
    transport.reply(slow);
    const auto reply = store.head(ObjectKey("k"), {.deadline = std::chrono::seconds(10)});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::throttled);
    EXPECT_LE(transport.sent(0).request.timeouts.total, std::chrono::seconds(10));
}

TEST_F(HttpStoreRetry, the_deadline_of_the_store_holds_for_reads_and_changes_of_metadata) {
    HttpStoreConfig config = oss_config();
    config.metadata_deadline = std::chrono::seconds(3);
    ObjectStore& store = make(config);
    transport.reply(object_reply("x"));
    ASSERT_TRUE(store.head(ObjectKey("k")));
    transport.reply(broken(ErrorKind::timed_out, true));
    ASSERT_FALSE(store.copy(metadata_update()));
    for (const size_t n : {0U, 1U}) {
        EXPECT_GT(transport.sent(n).request.timeouts.total, Duration::zero());
        EXPECT_LE(transport.sent(n).request.timeouts.total, std::chrono::seconds(3));
    }
}

TEST_F(HttpStoreRetry, a_missing_object_is_not_asked_for_twice) {
    ObjectStore& store = make(oss_config());
    transport.reply(head_error(404, "NoSuchKey"));
    const auto reply = store.head(ObjectKey("k"));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::not_found);
    EXPECT_EQ(reply.error().code, "NoSuchKey");
}

TEST_F(HttpStoreRetry, a_copy_whose_reply_was_lost_is_unknown_and_not_sent_again) {
    ObjectStore& store = make(oss_config());
    transport.reply(broken(ErrorKind::network, true));
    const auto reply = store.copy(metadata_update());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::network);
    EXPECT_TRUE(reply.error().outcome_unknown);
}

TEST_F(HttpStoreRetry, a_copy_that_was_never_sent_is_sent_again) {
    ObjectStore& store = make(oss_config());
    transport.reply(broken(ErrorKind::network, false));
    transport.reply(error_reply(503, "SlowDown"));
    transport.reply(error_reply(500, "InternalError"));
    transport.reply(copy_reply());
    const auto reply = store.copy(metadata_update());
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(reply->etag.str(), "E1");
    EXPECT_EQ(reply->last_modified, WallTime::from_seconds(1'700'000'000));
}

TEST_F(HttpStoreRetry, a_gateway_error_on_a_mutation_is_unknown) {
    for (const int status : {500, 502, 504}) {
        ObjectStore& store = make(oss_config());
        transport.reply(error_reply(status, ""));
        const auto reply = store.copy(metadata_update());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().kind, ErrorKind::server_error) << status;
        EXPECT_TRUE(reply.error().outcome_unknown) << status;
    }
}

TEST_F(HttpStoreRetry, success_with_an_error_inside_is_a_failure_and_tried_again) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(200, "InternalError"));
    ScriptedReply late = copy_reply();
    late.body = " \n <?xml version=\"1.0\"?>\n" + late.body;
    transport.reply(late);
    const auto reply = store.copy(metadata_update());
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(transport.sent().size(), 2U);
}

TEST_F(HttpStoreRetry, a_copy_reply_that_cannot_be_read_leaves_the_outcome_unknown) {
    ObjectStore& store = make(oss_config());
    ScriptedReply portal;
    portal.body = "<html><body>Please log in</body></html>";
    transport.reply(portal);
    const auto reply = store.copy(metadata_update());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::bad_reply);
    EXPECT_TRUE(reply.error().outcome_unknown);
}

TEST_F(HttpStoreRetry, expired_credentials_are_loaded_again_once_and_the_request_signed_with_them) {
    ObjectStore& store = make(oss_config());
    transport.reply(head_error(403, "SecurityTokenExpired"));
    transport.reply(object_reply("x"));
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_THAT(transport.sent(0).header("Authorization"), HasSubstr("Credential=ak1/"));
    EXPECT_THAT(transport.sent(1).header("Authorization"), HasSubstr("Credential=ak2/"));

    transport.reply(head_error(403, "InvalidAccessKeyId"));
    transport.reply(head_error(403, "SignatureDoesNotMatch"));
    const auto reply = store.head(ObjectKey("k"));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::bad_credentials);
    EXPECT_EQ(credentials.refusals(), 2);
}

TEST_F(HttpStoreRetry, credentials_that_cannot_change_are_not_tried_again) {
    StaticCredentials fixed({.access_key_id = "ak", .access_key_secret = Secret("sk")});
    auto store = make_http_store(oss_config(), transport, fixed, clock);
    ASSERT_TRUE(store);
    transport.reply(head_error(403, "InvalidAccessKeyId"));
    EXPECT_EQ((*store)->head(ObjectKey("k")).error().kind, ErrorKind::bad_credentials);
    EXPECT_EQ(transport.sent().size(), 1U);
}

TEST_F(HttpStoreRetry, a_mutation_refused_for_its_credentials_is_sent_again) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(400, "ExpiredToken"));
    transport.reply(copy_reply());
    EXPECT_TRUE(store.copy(metadata_update()));
}

TEST_F(HttpStoreRetry, a_wrong_clock_is_corrected_from_the_reply_and_remembered) {
    ObjectStore& store = make(oss_config());
    ScriptedReply skewed = head_error(403, "RequestTimeTooSkewed");
    skewed.headers.set("Date", "Wed, 15 Nov 2023 00:13:20 GMT");  // two hours ahead
    transport.reply(skewed);
    transport.reply(object_reply("x"));
    transport.reply(object_reply("x"));
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_EQ(transport.sent(0).header("x-oss-date"), "20231114T221320Z");
    EXPECT_EQ(transport.sent(1).header("x-oss-date"), "20231115T001320Z");
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_EQ(transport.sent(2).header("x-oss-date"), "20231115T001320Z");
}

TEST_F(HttpStoreRetry, a_clock_more_than_a_day_off_or_told_over_plain_http_is_not_followed) {
    for (const bool plain : {false, true}) {
        HttpStoreConfig config = oss_config();
        if (plain) config.endpoint = "http://oss-cn-hangzhou.aliyuncs.com";
        ObjectStore& store = make(config);
        ScriptedReply skewed = head_error(403, "RequestTimeTooSkewed");
        skewed.headers.set(
            "Date", plain ? "Wed, 15 Nov 2023 00:13:20 GMT" : "Fri, 17 Nov 2023 00:13:20 GMT");
        transport.reply(skewed);
        const auto reply = store.head(ObjectKey("k"));
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().kind, ErrorKind::clock_skew);
        EXPECT_THAT(reply.error().message, HasSubstr("set the clock"));
    }
}

TEST_F(HttpStoreRetry, a_wrong_endpoint_is_corrected_once_and_remembered) {
    ObjectStore& store = make(oss_config());
    transport.reply(
        error_reply(403, "AccessDenied", "<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint>"));
    transport.reply(error_reply(404, "NoSuchKey"));
    transport.reply(object_reply("x"));
    StringSink sink;
    EXPECT_EQ(store.get({.key = ObjectKey("k")}, sink).error().kind, ErrorKind::not_found);
    EXPECT_EQ(transport.sent(1).request.origin,
              "https://examplebucket.oss-cn-beijing.aliyuncs.com");
    EXPECT_THAT(transport.sent(1).header("Authorization"), HasSubstr("/cn-beijing/oss/"));
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_EQ(transport.sent(2).header("Host"), "examplebucket.oss-cn-beijing.aliyuncs.com");
}

TEST_F(HttpStoreRetry, an_endpoint_of_another_domain_is_not_followed) {
    ObjectStore& store = make(oss_config());
    ScriptedReply redirect =
        error_reply(301, "PermanentRedirect", "<Endpoint>oss-cn-beijing.evil.example</Endpoint>");
    transport.reply(redirect);
    StringSink sink;
    const auto reply = store.get({.key = ObjectKey("k")}, sink);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::wrong_endpoint);
    EXPECT_EQ(reply.error().hint, "oss-cn-beijing.evil.example");
}

TEST_F(HttpStoreRetry, a_bare_400_with_a_region_on_head_moves_to_that_region) {
    ObjectStore& store = make(s3_config());
    ScriptedReply wrong = error_reply(400, "");
    wrong.headers.add("x-amz-bucket-region", "eu-central-1");
    transport.reply(wrong);
    transport.reply(object_reply("x"));
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_EQ(transport.sent(1).request.origin,
              "https://examplebucket.s3.eu-central-1.amazonaws.com");
}

TEST_F(HttpStoreRetry, a_bare_403_on_an_s3_head_is_asked_about_by_get) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(403, ""));
    transport.reply(error_reply(400, "ExpiredToken"));
    transport.reply(object_reply("x"));
    ASSERT_TRUE(store.head(ObjectKey("k")));
    EXPECT_EQ(transport.sent(1).request.method, HttpMethod::get);
    EXPECT_EQ(transport.sent(1).header("Range"), "bytes=0-0");
    EXPECT_THAT(transport.sent(2).header("Authorization"), HasSubstr("Credential=ak2/"));
}

TEST_F(HttpStoreRetry, asking_about_a_bare_403_takes_no_longer_than_the_call_may) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(403, ""));
    transport.reply(error_reply(403, "AccessDenied"));
    const auto reply = store.head(ObjectKey("k"), {.deadline = std::chrono::seconds(2)});
    EXPECT_EQ(reply.error().kind, ErrorKind::access_denied);
    EXPECT_LE(transport.sent(1).request.timeouts.total, std::chrono::seconds(2));
}

TEST_F(HttpStoreRetry, plain_denials_on_s3_heads_are_asked_about_once_in_a_while) {
    ObjectStore& store = make(s3_config());
    transport.reply(error_reply(403, ""));
    transport.reply(error_reply(403, "AccessDenied"));
    transport.reply(error_reply(403, ""));
    EXPECT_EQ(store.head(ObjectKey("a")).error().kind, ErrorKind::access_denied);
    EXPECT_EQ(store.head(ObjectKey("b")).error().kind, ErrorKind::access_denied);
    EXPECT_EQ(transport.sent().size(), 3U);
    clock.advance(std::chrono::seconds(6));
    transport.reply(error_reply(403, ""));
    transport.reply(error_reply(403, "AccessDenied"));
    EXPECT_EQ(store.head(ObjectKey("c")).error().kind, ErrorKind::access_denied);
}

TEST_F(HttpStoreRetry, an_outage_slows_retries_down_instead_of_multiplying_the_load) {
    HttpStoreConfig config = oss_config();
    config.attempts_max = 3;
    ObjectStore& store = make(config);
    constexpr int kCalls = 400;
    for (int i = 0; i < kCalls * 3; ++i) transport.reply(head_error(500, "InternalError"));
    const TimePoint began = clock.now();
    for (int i = 0; i < kCalls; ++i) EXPECT_FALSE(store.head(ObjectKey("k")));
    const double seconds = std::chrono::duration<double>(clock.now() - began).count();
    // A hundred at once, and a tenth of the calls; the rest fifty a second.
    EXPECT_GE(seconds, (kCalls * 2 - 100 - kCalls / 10) / 50.0 - 1);
    EXPECT_EQ(transport.sent().size(), kCalls * 3U) << "nobody fails for it";
}

TEST_F(HttpStoreRetry, head_async_answers_without_blocking_and_retries_off_the_transport_thread) {
    ObjectStore& store = make(oss_config());
    transport.reply(head_error(503, "SlowDown"));
    transport.reply(object_reply("12"));
    std::promise<Result<HeadReply>> promise;
    store.head_async(ObjectKey("k"), {.request_class = RequestClass::prefetch},
                     [&promise](Result<HeadReply> reply) { promise.set_value(std::move(reply)); });
    const auto reply = promise.get_future().get();
    ASSERT_TRUE(reply) << reply.error().describe();
    EXPECT_EQ(reply->info.size, 2U);
    EXPECT_EQ(transport.sent(1).request.request_class, RequestClass::prefetch);
}

// Gives none before give().
class LateCredentials final : public CredentialsProvider {
  public:
    Result<Credentials> get() override {
        LockGuard lock(mutex_);
        ++waits_;
        while (!given_) changed_.wait(mutex_);
        return *given_;
    }
    std::optional<Credentials> get_at_once() override { return std::nullopt; }
    bool refused(const Credentials&) override { return false; }
    void give(Result<Credentials> credentials) {
        LockGuard lock(mutex_);
        given_ = std::move(credentials);
        changed_.notify_all();
    }
    int waits() {
        LockGuard lock(mutex_);
        return waits_;
    }

  private:
    Mutex mutex_;
    CondVar changed_;
    std::optional<Result<Credentials>> given_ GUARDED_BY(mutex_);
    int waits_ GUARDED_BY(mutex_) = 0;
};

TEST_F(HttpStoreRetry, head_async_returns_at_once_while_no_key_is_valid_and_one_thread_waits) {
    constexpr int kCalls = 64;
    for (const bool comes : {true, false}) {
        LateCredentials late;
        std::atomic<int> found{0};
        std::atomic<int> refused{0};
        {
            auto store = make_http_store(oss_config(), transport, late, clock);
            ASSERT_TRUE(store);
            for (int i = 0; i < kCalls; ++i) {
                if (comes) transport.reply(object_reply("12"));
                (*store)->head_async(ObjectKey("k"), {}, [&](Result<HeadReply> reply) {
                    const bool keyless =
                        !reply && reply.error().kind == ErrorKind::expired_credentials;
                    found += reply ? 1 : 0;
                    refused += keyless ? 1 : 0;
                });
            }
            EXPECT_EQ(found + refused, 0) << "nothing to sign with";
            if (comes) {
                late.give(Credentials{.access_key_id = "ak", .access_key_secret = Secret("sk")});
            } else {
                late.give(fail(ErrorKind::expired_credentials, "no valid key"));
            }
        }
        EXPECT_EQ(comes ? found : refused, kCalls);
        EXPECT_EQ(late.waits(), 1);
    }
}

TEST_F(HttpStoreRetry, of_several_reads_at_the_same_time_only_what_failed_is_sent_again) {
    ObjectStore& store = make(oss_config());
    transport.reply(head_error(503, "SlowDown"));
    transport.reply(error_reply(403, "AccessDenied"));
    transport.reply({.body = "<Tagging><TagSet></TagSet></Tagging>"});
    transport.reply(object_reply("12"));
    const FacetReplies replies =
        store.read_facets(ObjectKey("k"), {.head = true, .acl = true, .tags = true},
                          {.request_class = RequestClass::update});
    ASSERT_TRUE(*replies.head) << replies.head->error().describe();
    EXPECT_EQ((*replies.head)->info.size, 2U);
    EXPECT_EQ(replies.acl->error().kind, ErrorKind::access_denied);
    ASSERT_TRUE(*replies.tags) << replies.tags->error().describe();
    ASSERT_EQ(transport.sent().size(), 4U);
    EXPECT_EQ(transport.sent(0).request.target, transport.sent(3).request.target);
    for (const SentRequest& sent : transport.sent())
        EXPECT_EQ(sent.request.request_class, RequestClass::update);
    EXPECT_EQ(store.stats().retries, 1U);
}

TEST_F(HttpStoreRetry, a_store_waits_for_its_asynchronous_calls_before_it_goes) {
    std::atomic<int> answered{0};
    {
        auto store = make_http_store(oss_config(), transport, credentials, clock);
        ASSERT_TRUE(store);
        for (int i = 0; i < 20; ++i) {
            transport.reply(i % 2 == 0 ? head_error(404, "NoSuchKey")
                                       : head_error(403, "AccessDenied"));
            (*store)->head_async(ObjectKey("k"), {}, [&](Result<HeadReply>) { ++answered; });
        }
    }
    EXPECT_EQ(answered, 20);
}

TEST_F(HttpStoreRetry, a_body_is_rewound_for_every_attempt) {
    ObjectStore& store = make(oss_config());
    auto source = std::make_shared<StringSource>("hello");
    transport.reply(broken(ErrorKind::network, false));
    transport.reply({.status = 200, .headers = {{"ETag", "\"E\""}}});
    ASSERT_TRUE(store.put({.key = ObjectKey("k"), .body = source}));
    EXPECT_EQ(source->rewinds(), 2);
    EXPECT_EQ(transport.sent(1).body, "hello");
    EXPECT_EQ(transport.sent(1).request.timeouts.total, Duration::zero());
}

}  // namespace
}  // namespace xbucket
