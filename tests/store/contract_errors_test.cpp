// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore's promises about limits, access and what errors say.
#include "object_store_contract.h"
#include "support/memory_store.h"

namespace xbucket::testing {
namespace {

// Fills the metadata to exactly `total` bytes as the service counts them.
UserMetadata metadata_of(uint64_t total, uint64_t per_name) {
    UserMetadata metadata;
    for (unsigned i = 0; total > 0; ++i) {
        const std::string name = "n" + std::to_string(100 + i);
        const uint64_t cost = per_name + name.size();
        uint64_t value = std::min<uint64_t>(900, total - cost);
        // Never leave a rest that is too small for another entry.
        if (total - cost - value > 0 && total - cost - value < 50) value -= 50;
        metadata[name] = std::string(value, 'v');
        total -= cost + value;
    }
    return metadata;
}

TEST_P(ObjectStoreContract, metadata_up_to_the_limit_is_stored_and_a_byte_more_is_refused) {
    if (!facts().metadata_limit) GTEST_SKIP() << "this service has no such limit";
    const StoreTraits& traits = store().traits();
    ObjectAttributes attributes;
    attributes.user = metadata_of(traits.metadata_bytes_max, traits.metadata_bytes_per_name);
    put("f", "x", attributes);
    EXPECT_EQ(info_of("f").attributes.user, attributes.user);
    ObjectAttributes over = attributes;
    over.user.begin()->second += "v";
    const auto refused = put_object(store(), "f", "y", over);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::no_attribute_space) << refused.error().describe();
    CopyRequest request;
    request.source = request.destination = ObjectKey("f");
    request.replace = over;
    const auto copy = store().copy(request);
    ASSERT_FALSE(copy);
    EXPECT_EQ(copy.error().kind, ErrorKind::no_attribute_space) << copy.error().describe();
    EXPECT_EQ(info_of("f").attributes.user, attributes.user) << "failure changes nothing";
    EXPECT_EQ(body_at("f"), "x");
}

TEST_P(ObjectStoreContract, control_bytes_never_reach_a_header) {
    for (const std::string& value : {std::string("a\r\nx-oss-object-acl: public-read"),
                                     std::string("a\nb"), std::string("a\0b", 3)}) {
        ObjectAttributes attributes;
        attributes.user = {{"k", value}};
        EXPECT_FALSE(put_object(store(), "f", "x", attributes));
        attributes = {};
        attributes[HttpField::cache_control] = value;
        EXPECT_FALSE(put_object(store(), "f", "x", attributes));
    }
    EXPECT_FALSE(store().head(ObjectKey("f")));
}

TEST_P(ObjectStoreContract, check_access_succeeds_on_a_bucket_that_can_be_read) {
    MUST(store().check_access());
}

TEST_P(ObjectStoreContract, a_bucket_without_versioning_says_so) {
    EXPECT_EQ(MUST(store().versioning()), "");
}

TEST_P(ObjectStoreContract, a_wrong_secret_or_key_id_is_bad_credentials) {
    put("f", "x");
    for (const WrongSetup what : {WrongSetup::secret, WrongSetup::key_id}) {
        ObjectStore* const wrong = bucket().wrong(what);
        if (wrong == nullptr) GTEST_SKIP() << "no credentials here";
        SCOPED_TRACE(what == WrongSetup::secret ? "secret" : "key id");
        const auto access = wrong->check_access();
        ASSERT_FALSE(access);
        EXPECT_EQ(access.error().kind, ErrorKind::bad_credentials) << access.error().describe();
        const auto write = put_object(*wrong, "f", "y");
        ASSERT_FALSE(write);
        EXPECT_EQ(write.error().kind, ErrorKind::bad_credentials) << write.error().describe();
        // A HEAD reply has no body: S3 cannot say more than "denied" (protocol.md 2.2).
        const auto head = wrong->head(ObjectKey("f"));
        ASSERT_FALSE(head);
        EXPECT_TRUE(head.error().kind == ErrorKind::bad_credentials ||
                    head.error().kind == ErrorKind::access_denied)
            << head.error().describe();
    }
    EXPECT_EQ(body_at("f"), "x");
}

TEST_P(ObjectStoreContract, a_missing_bucket_is_no_such_bucket) {
    ObjectStore* const wrong = bucket().wrong(WrongSetup::bucket);
    if (wrong == nullptr) GTEST_SKIP() << "no other bucket here";
    const auto access = wrong->check_access();
    ASSERT_FALSE(access);
    EXPECT_EQ(access.error().kind, ErrorKind::no_such_bucket) << access.error().describe();
    const auto list = wrong->list({});
    ASSERT_FALSE(list);
    EXPECT_EQ(list.error().kind, ErrorKind::no_such_bucket);
    const auto write = put_object(*wrong, "f", "x");
    ASSERT_FALSE(write);
    EXPECT_EQ(write.error().kind, ErrorKind::no_such_bucket);
    EXPECT_FALSE(wrong->head(ObjectKey("f")));
}

TEST_P(ObjectStoreContract, a_token_that_is_refused_is_expired_credentials) {
    ObjectStore* const wrong = bucket().wrong(WrongSetup::token);
    if (wrong == nullptr) GTEST_SKIP() << "no session tokens here";
    const auto access = wrong->check_access();
    ASSERT_FALSE(access);
    EXPECT_EQ(access.error().kind, ErrorKind::expired_credentials) << access.error().describe();
}

TEST_P(ObjectStoreContract, errors_say_what_failed) {
    const auto missing = store().head(ObjectKey("some/missing key"));
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("missing key"), std::string::npos)
        << missing.error().describe();
    EXPECT_FALSE(missing.error().outcome_unknown);
}

}  // namespace
}  // namespace xbucket::testing
