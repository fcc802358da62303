// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore's promises about whole objects: put, head, get, delete.
#include "object_store_contract.h"
#include "support/memory_store.h"

#include "xbucket/base/digest.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

namespace xbucket::testing {
namespace {

TEST_P(ObjectStoreContract, put_then_head_gives_every_attribute_back) {
    const ObjectAttributes sent = full_attributes();
    const ETag etag = put("d/exampleobject.html", "examplecontent", sent);
    const ObjectInfo info = info_of("d/exampleobject.html");
    for (const HttpField field : kHttpFields)
        EXPECT_EQ(info.attributes[field], sent[field]) << to_string(field);
    EXPECT_EQ(info.attributes.user, sent.user);
    if (!sent.storage_class.empty()) {
        EXPECT_EQ(info.attributes.storage_class, sent.storage_class);
    }
    EXPECT_EQ(info.attributes.sse.algorithm, sent.sse.algorithm);
    EXPECT_EQ(info.size, 14u);
    EXPECT_EQ(info.etag, etag);
    EXPECT_FALSE(etag.empty());
    EXPECT_EQ(etag.str().find('"'), std::string::npos) << "ETags are kept without quotes";
    EXPECT_EQ(info.missing_metadata, 0u);
}

TEST_P(ObjectStoreContract, head_tells_the_services_time_and_a_last_modified_in_whole_seconds) {
    put("f", "x");
    const ObjectInfo info = info_of("f");
    EXPECT_NE(info.date, WallTime{});
    EXPECT_EQ(info.last_modified, WallTime::from_seconds(info.last_modified.seconds()));
    EXPECT_LE(info.last_modified, info.date);
    EXPECT_GE(info.last_modified, info.date - std::chrono::seconds(60));
}

TEST_P(ObjectStoreContract, head_async_gives_what_head_gives) {
    put("f", "x", full_attributes());
    std::promise<Result<HeadReply>> promise;
    store().head_async(ObjectKey("f"), {},
                       [&](Result<HeadReply> r) { promise.set_value(std::move(r)); });
    const HeadReply reply = MUST(promise.get_future().get());
    EXPECT_EQ(reply.info.attributes, info_of("f").attributes);
    std::promise<Result<HeadReply>> missing;
    store().head_async(ObjectKey("missing"), {},
                       [&](Result<HeadReply> r) { missing.set_value(std::move(r)); });
    const Result<HeadReply> nothing = missing.get_future().get();
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().kind, ErrorKind::not_found);
}

TEST_P(ObjectStoreContract, read_facets_gives_what_was_asked_for_as_the_single_calls_do) {
    put("f", "x", full_attributes());
    const ObjectKey key("f");
    const FacetReplies all =
        store().read_facets(key, {.head = true, .acl = true, .tags = true}, {});
    ASSERT_TRUE(all.head && all.acl && all.tags);
    EXPECT_EQ(MUST(*all.head).info.attributes, info_of("f").attributes);
    EXPECT_EQ(MUST(*all.acl), MUST(store().get_acl(key)));
    EXPECT_EQ(MUST(*all.tags), MUST(store().get_tags(key)));
    const FacetReplies two = store().read_facets(key, {.acl = true, .tags = true}, {});
    EXPECT_FALSE(two.head);
    EXPECT_EQ(MUST(*two.acl), MUST(*all.acl));
    EXPECT_EQ(MUST(*two.tags), MUST(*all.tags));
    const FacetReplies one = store().read_facets(key, {.head = true}, {});
    EXPECT_TRUE(one.head && *one.head && !one.acl && !one.tags);
    const FacetReplies none =
        store().read_facets(ObjectKey("missing"), {.head = true, .acl = true, .tags = true}, {});
    EXPECT_EQ(none.head->error().kind, ErrorKind::not_found);
    EXPECT_EQ(none.acl->error().kind, ErrorKind::not_found);
    EXPECT_EQ(none.tags->error().kind, ErrorKind::not_found);
}

TEST_P(ObjectStoreContract, head_gives_all_headers_of_the_reply) {
    ObjectAttributes attributes;
    attributes.user = {{"year", "2021"}};
    put("f", "x", attributes);
    const HeadReply reply = MUST(store().head(ObjectKey("f")));
    EXPECT_TRUE(reply.headers.has("ETag"));
    EXPECT_TRUE(reply.headers.has("Last-Modified"));
    const bool found = std::any_of(
        reply.headers.begin(), reply.headers.end(),
        [](const HeaderView h) { return h.name.ends_with("meta-year") && h.value == "2021"; });
    EXPECT_TRUE(found) << "user metadata is among the headers";
}

TEST_P(ObjectStoreContract, values_of_visible_ascii_come_back_as_sent) {
    ObjectAttributes attributes;
    attributes.user = {{"percent", "%E6%97%A5%20"},
                       {"base64", "AAECAwQ="},
                       {"word", "=?UTF-8?B?w6k=?="},
                       {"quotes", "\"a\" 'b' \\c"},
                       {"punctuation", "!#$&()*+,-./:;<=>?@[]^_`{|}~"},
                       {"one-space", "a b c"},
                       {"digits", "0"}};
    put("f", "x", attributes);
    EXPECT_EQ(info_of("f").attributes.user, attributes.user);
}

TEST_P(ObjectStoreContract, raw_utf8_values_come_back_as_the_bytes_sent) {
    if (!facts().raw_utf8_metadata) GTEST_SKIP() << "this service reads raw bytes as Latin-1";
    ObjectAttributes attributes;
    attributes.user = {{"title", "caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80"}};
    put("f", "x", attributes);
    EXPECT_EQ(info_of("f").attributes.user, attributes.user);
}

TEST_P(ObjectStoreContract, put_without_content_type_gets_the_services_default) {
    put("noextension", "x");
    const ObjectInfo info = info_of("noextension");
    if (!facts().default_content_type.empty()) {
        EXPECT_EQ(info.attributes[HttpField::content_type], facts().default_content_type);
    }
    EXPECT_FALSE(info.attributes[HttpField::cache_control].has_value());
    EXPECT_FALSE(info.attributes[HttpField::content_encoding].has_value());
    EXPECT_TRUE(info.attributes.user.empty());
}

TEST_P(ObjectStoreContract, put_without_body_makes_an_empty_object) {
    PutRequest request;
    request.key = ObjectKey("empty");
    request.attributes.user = {{"kept", "yes"}};
    MUST(store().put(request));
    const ObjectInfo info = info_of("empty");
    EXPECT_EQ(info.size, 0u);
    EXPECT_EQ(info.attributes.user, request.attributes.user);
    EXPECT_EQ(body_at("empty"), "");
}

TEST_P(ObjectStoreContract, put_replaces_body_and_all_attributes) {
    const ETag before = put("f", "before", full_attributes());
    ObjectAttributes second;
    second.user = {{"only", "this"}};
    const ETag after = put("f", "after!", second);
    EXPECT_NE(before, after);
    const ObjectInfo info = info_of("f");
    EXPECT_EQ(info.attributes.user, second.user);
    EXPECT_FALSE(info.attributes[HttpField::cache_control].has_value());
    EXPECT_FALSE(info.attributes[HttpField::content_disposition].has_value());
    EXPECT_EQ(body_at("f"), "after!");
}

TEST_P(ObjectStoreContract, bodies_of_all_sizes_come_back_whole) {
    for (const size_t size : {1U, 4095U, 65536U, 65537U, 3'000'001U}) {
        std::string body(size, '\0');
        for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>((i * 131 + i / 257) & 0xFF);
        PutRequest request;
        request.key = ObjectKey("sized");
        request.body = body_of(body);
        const PutReply reply = MUST(store().put(request));
        EXPECT_TRUE(body_at("sized") == body) << size << " bytes";
        if (facts().crc64) {
            EXPECT_EQ(info_of("sized").crc64, crc64(body));
            EXPECT_EQ(reply.crc64, crc64(body));
        }
    }
}

TEST_P(ObjectStoreContract, ranges_give_exactly_their_bytes) {
    put("f", "0123456789");
    EXPECT_EQ(MUST(read_object(store(), "f", 0, 1)), "0");
    EXPECT_EQ(MUST(read_object(store(), "f", 3, 4)), "3456");
    EXPECT_EQ(MUST(read_object(store(), "f", 9, 1)), "9");
    EXPECT_EQ(MUST(read_object(store(), "f", 4)), "456789") << "length 0 is to the end";
    EXPECT_EQ(MUST(read_object(store(), "f", 8, 100)), "89") << "cut at the end";
    EXPECT_EQ(MUST(read_object(store(), "f", 0, 10)), "0123456789");
}

TEST_P(ObjectStoreContract, ranges_past_the_end_are_bad_range) {
    put("f", "0123456789");
    put("empty", "");
    const auto at_end = read_object(store(), "f", 10, 1);
    ASSERT_FALSE(at_end);
    EXPECT_EQ(at_end.error().kind, ErrorKind::bad_range);
    const auto far = read_object(store(), "f", 1'000'000'000'000);
    ASSERT_FALSE(far);
    EXPECT_EQ(far.error().kind, ErrorKind::bad_range);
    const auto of_empty = read_object(store(), "empty", 0, 1);
    ASSERT_FALSE(of_empty);
    EXPECT_EQ(of_empty.error().kind, ErrorKind::bad_range);
}

// The size in a ranged reply is the whole object's, not the range's.
TEST_P(ObjectStoreContract, get_tells_the_whole_objects_info_before_the_first_byte) {
    ObjectAttributes attributes;
    attributes.user = {{"year", "2021"}};
    const ETag etag = put("f", "0123456789", attributes);
    struct Sink final : GetSink {
        Result<void> on_info(const ObjectInfo& i) override {
            EXPECT_EQ(bytes, 0u);
            info = i;
            return {};
        }
        Result<BodySink::Action> on_data(std::string_view data) override {
            EXPECT_TRUE(info.has_value());
            bytes += data.size();
            return BodySink::Action::taken;
        }
        std::optional<ObjectInfo> info;
        size_t bytes = 0;
    } sink;
    GetRequest request;
    request.key = ObjectKey("f");
    request.offset = 2;
    request.length = 3;
    const ObjectInfo returned = MUST(store().get(request, sink));
    ASSERT_TRUE(sink.info.has_value());
    EXPECT_EQ(sink.info->size, 10u);
    EXPECT_EQ(returned.size, 10u);
    EXPECT_EQ(sink.info->etag, etag);
    EXPECT_EQ(sink.info->attributes.user, attributes.user);
    EXPECT_EQ(sink.bytes, 3u);
}

TEST_P(ObjectStoreContract, an_error_of_the_sink_ends_the_get_with_that_error) {
    put("f", std::string(1'000'000, 'x'));
    struct Sink final : GetSink {
        Result<void> on_info(const ObjectInfo&) override { return {}; }
        Result<BodySink::Action> on_data(std::string_view) override {
            return fail(ErrorKind::no_space, "the sink is full");
        }
    } sink;
    GetRequest request;
    request.key = ObjectKey("f");
    const auto result = store().get(request, sink);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::no_space);
}

TEST_P(ObjectStoreContract, get_with_if_match_reads_only_that_content) {
    const ETag etag = put("f", "0123456789");
    EXPECT_EQ(MUST(read_object(store(), "f", 2, 3, etag)), "234");
    put("f", "replaced");
    const auto stale = read_object(store(), "f", 2, 3, etag);
    ASSERT_FALSE(stale);
    EXPECT_EQ(stale.error().kind, ErrorKind::precondition_failed);
}

TEST_P(ObjectStoreContract, put_that_must_not_exist_is_already_exists_and_leaves_the_object) {
    PutRequest request;
    request.key = ObjectKey("f");
    request.body = body_of("first");
    request.must_not_exist = true;
    MUST(store().put(request));
    request.body = body_of("second");
    const auto refused = store().put(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::already_exists);
    EXPECT_FALSE(refused.error().outcome_unknown);
    EXPECT_EQ(body_at("f"), "first");
}

TEST_P(ObjectStoreContract, what_must_not_exist_replaces_nothing_in_a_versioned_bucket_either) {
    ObjectStore* kept = bucket().versioned();
    if (kept == nullptr) GTEST_SKIP() << "no bucket with versions here";
    MUST(put_object(*kept, "f", "first"));
    PutRequest put;
    put.key = ObjectKey("f");
    put.must_not_exist = true;
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(kept->put(put).error().kind, ErrorKind::already_exists);
    }
    EXPECT_EQ(MUST(read_object(*kept, "f")), "first");
    put.key = ObjectKey("g");
    MUST(kept->put(put));
    if (!facts().copy_must_not_exist) return;
    CopyRequest copy;
    copy.source = ObjectKey("g");
    copy.destination = ObjectKey("f");
    copy.guard.destination_must_not_exist = true;
    const auto refused = kept->copy(copy);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::already_exists);
    EXPECT_EQ(MUST(read_object(*kept, "f")), "first");
}

TEST_P(ObjectStoreContract, put_with_if_match_replaces_only_that_content) {
    if (!facts().put_if_match) GTEST_SKIP() << "this service has no If-Match on PUT";
    const ETag first = put("f", "first");
    PutRequest request;
    request.key = ObjectKey("f");
    request.body = body_of("second");
    request.if_match = first;
    MUST(store().put(request));
    request.body = body_of("third");
    const auto refused = store().put(request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::precondition_failed);
    EXPECT_EQ(body_at("f"), "second");
}

TEST_P(ObjectStoreContract, delete_removes_and_deleting_again_succeeds) {
    put("f", "x");
    MUST(store().remove(ObjectKey("f")));
    const auto gone = store().head(ObjectKey("f"));
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
    MUST(store().remove(ObjectKey("f")));
    MUST(store().remove(ObjectKey("never/was")));
}

TEST_P(ObjectStoreContract, odd_keys_are_stored_under_exactly_their_bytes) {
    const std::vector<std::string> keys = odd_keys();
    for (const std::string& key : keys) put(key, "body of " + key);
    for (const std::string& key : keys) {
        SCOPED_TRACE(key);
        EXPECT_EQ(body_at(key), "body of " + key);
        EXPECT_EQ(info_of(key).size, 8 + key.size());
    }
    std::vector<std::string> expected = keys;
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(MUST(list_names(store(), {})), expected);
    for (const std::string& key : keys) {
        MUST(store().remove(ObjectKey(key)));
        EXPECT_FALSE(store().head(ObjectKey(key))) << key;
    }
}

TEST_P(ObjectStoreContract, keys_at_the_limit_work_and_longer_ones_are_refused) {
    const uint64_t limit = store().traits().key_bytes_max;
    std::string key;
    while (key.size() + 100 < limit) key += std::string(99, 'k') + "/";
    key.resize(limit, 'z');
    put(key, "x");
    EXPECT_EQ(body_at(key), "x");
    const auto refused = put_object(store(), key + "z", "x");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().kind == ErrorKind::name_too_long ||
                refused.error().kind == ErrorKind::invalid_name)
        << refused.error().describe();
}

TEST_P(ObjectStoreContract, remove_many_removes_1000_odd_keys_in_one_call) {
    const std::vector<std::string> odd = odd_keys();
    std::vector<ObjectKey> keys;
    for (size_t i = 0; keys.size() < 1000; ++i)
        keys.emplace_back(odd[i % odd.size()] + "#" + std::to_string(i));
    std::atomic<size_t> next{0};
    std::atomic<size_t> failed{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (size_t i = next++; i < keys.size(); i = next++)
                if (!put_object(store(), keys[i].str(), "")) ++failed;
        });
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(failed, 0u);
    put("bystander", "stays");
    ASSERT_EQ(MUST(list_names(store(), {})).size(), 1001u);
    EXPECT_TRUE(MUST(store().remove_many(keys)).empty());
    EXPECT_EQ(MUST(list_names(store(), {})), std::vector<std::string>{"bystander"});
    EXPECT_TRUE(MUST(store().remove_many(keys)).empty()) << "keys that are gone are deleted";
    EXPECT_TRUE(MUST(store().remove_many({})).empty());
}

TEST_P(ObjectStoreContract, requests_on_a_missing_key_are_not_found) {
    const ObjectKey missing("not/here");
    const auto kind = [](const auto& result) {
        return result ? std::string("success") : std::string(to_string(result.error().kind));
    };
    EXPECT_EQ(kind(store().head(missing)), "not_found");
    EXPECT_EQ(kind(read_object(store(), missing.str())), "not_found");
    EXPECT_EQ(kind(store().get_acl(missing)), "not_found");
    EXPECT_EQ(kind(store().put_acl(missing, "private")), "not_found");
    if (store().traits().tagging) {
        EXPECT_EQ(kind(store().get_tags(missing)), "not_found");
        EXPECT_EQ(kind(store().put_tags(missing, {{"a", "1"}})), "not_found");
    }
    CopyRequest copy;
    copy.source = missing;
    copy.destination = ObjectKey("elsewhere");
    EXPECT_EQ(kind(store().copy(copy)), "not_found");
    copy.destination = missing;
    copy.replace.emplace();
    EXPECT_EQ(kind(store().copy(copy)), "not_found");
}

TEST_P(ObjectStoreContract, stats_count_requests_by_kind) {
    put("f", "x");
    const auto before = store().stats();
    info_of("f");
    info_of("f");
    const auto after = store().stats();
    const auto heads = [](const ObjectStore::Stats& stats) {
        const auto found = stats.requests.find("HEAD");
        return found == stats.requests.end() ? 0 : found->second;
    };
    EXPECT_EQ(heads(after), heads(before) + 2);
}

}  // namespace
}  // namespace xbucket::testing
