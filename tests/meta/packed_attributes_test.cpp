// SPDX-FileCopyrightText: the xbucket authors
// What s3fs and ossfs 1 packed into one entry is shown as attributes and becomes entries of its
// own with the first change; nothing of it is lost on the way.
#include "packed_attributes.h"

#include "meta/engine_fixture.h"

#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// {"user.year":"MjAyMQ==","user.My Name":"w6k="}, as ossfs 1 sends it.
constexpr const char* kTwo =
    "%7B%22user.year%22%3A%22MjAyMQ%3D%3D%22%2C%22user.My%20Name%22%3A%22w6k%3D%22%7D";

std::optional<PackedAttributes> read(const std::string& entry) {
    return read_packed({{"xattr", entry}});
}

TEST(PackedAttributes, are_read_as_s3fs_and_ossfs_write_them) {
    EXPECT_THAT(*read(kTwo),
                UnorderedElementsAre(Pair("user.year", "2021"), Pair("user.My Name", "é")));
    EXPECT_TRUE(read("%7B%7D")->empty());
    EXPECT_THAT(*read("%7b%22user.a%22: %22%22, %22user.b%22 : %22AP8=%22}"),
                UnorderedElementsAre(Pair("user.a", ""), Pair("user.b", std::string("\0\xff", 2))));
    // s3fs escapes nothing in names.
    const PackedAttributes awkward = {{"user.a\"b", "1"}, {"user.c,d\":", "2"}, {"user.\\n", "3"}};
    EXPECT_EQ(read(write_packed(awkward)), awkward);
}

TEST(PackedAttributes, an_entry_that_is_something_else_is_an_attribute_like_any_other) {
    for (const char* entry :
         {"", "text", "%7B", "%7D", "{\"user.a\":\"MQ==\"}", "%7B%22user.a%22%7D",
          "%7B%22user.a%22%3A%22MQ==%22", "%7B%22user.a%22%3A%22no base64%22%7D",
          "%7B%22user.a%22%3A1%7D", "%7B%22user.a%22%3A%22MQ==%22%2C%7D",
          "%7B%22user.a%22%3A%22MQ==%zz%7D"})
        EXPECT_FALSE(read(entry)) << entry;
    EXPECT_FALSE(read_packed({{"other", kTwo}}));
}

class PackedTest : public EngineFixture {
  protected:
    void put_packed(const PackedAttributes& packed, UserMetadata others = {}) {
        others["xattr"] = write_packed(packed);
        put("a", {.user = std::move(others)});
    }
};

TEST_F(PackedTest, are_listed_and_read_as_attributes) {
    put("a", {.user = {{"xattr", kTwo}, {"mode", "33188"}, {"plain", "p"}}});
    EXPECT_THAT(list("a"), ElementsAre("user.My Name", "user.plain", "user.year"));
    EXPECT_EQ(get("a", "user.year"), "2021");
    EXPECT_EQ(get("a", "user.My Name"), "é");
    EXPECT_EQ(get("a", "user.meta.year"), "2021");
    EXPECT_EQ(get("a", "user.xattr"), kTwo);
    EXPECT_EQ(get("a", "user.nope"), std::nullopt);
    EXPECT_EQ(set("a", "user.year", "2021"), std::nullopt) << "there already";
    EXPECT_EQ(raw.count(StoreCall::copy), 0U);
}

TEST_F(PackedTest, become_plain_entries_in_the_copy_of_the_first_change) {
    put("a", {.user = {{"xattr", kTwo}, {"mode", "33188"}}});
    EXPECT_EQ(set("a", "user.new", "1"), std::nullopt);
    EXPECT_EQ(raw.count(StoreCall::copy), 1U);
    EXPECT_THAT(stored("a"), UnorderedElementsAre(Pair("year", "2021"),
                                                  Pair("--4dy--20--4eame", "=?UTF-8?B?w6k=?="),
                                                  Pair("mode", "33188"), Pair("new", "1")));
    EXPECT_THAT(list("a"), ElementsAre("user.My Name", "user.new", "user.year"));
}

TEST_F(PackedTest, one_of_them_is_changed_or_removed_like_any_other) {
    put("a", {.user = {{"xattr", kTwo}}});
    EXPECT_EQ(set("a", "user.year", "1", SetFlag::create_only), ErrorKind::already_exists);
    EXPECT_EQ(set("a", "user.year", "2022", SetFlag::replace_only), std::nullopt);
    EXPECT_EQ(stored("a").at("year"), "2022");
    EXPECT_EQ(stored("a").count("xattr"), 0U);
    put("b", {.user = {{"xattr", kTwo}}});
    EXPECT_EQ(set("b", "user.year", std::nullopt), std::nullopt);
    EXPECT_THAT(stored("b"), ElementsAre(Pair("--4dy--20--4eame", "=?UTF-8?B?w6k=?=")));
    EXPECT_EQ(set("b", "user.year", std::nullopt), ErrorKind::no_such_attribute);
}

TEST_F(PackedTest, what_no_entry_can_say_stays_packed_and_readable) {
    const PackedAttributes rest = {{"security.selinux", "label"},
                                   {"system.posix_acl_default", std::string("\2\0\0\0", 4)},
                                   {"user.mode", "of transport"},
                                   {"user.", "nameless"},
                                   {"user.both", "packed"}};
    PackedAttributes all = rest;
    all["user.year"] = "2021";
    all["user.same"] = "s";
    put_packed(all, {{"mode", "33188"}, {"both", "plain"}, {"same", "s"}});
    EXPECT_THAT(list("a"), ElementsAre("user.both", "user.same", "user.xattr", "user.year"));
    EXPECT_EQ(get("a", "user.both"), "plain");
    EXPECT_EQ(set("a", "user.new", "1"), std::nullopt);
    EXPECT_EQ(read_packed(stored("a")), rest);
    EXPECT_EQ(stored("a").at("mode"), "33188");
    EXPECT_EQ(stored("a").at("both"), "plain");
    EXPECT_EQ(get("a", "user.xattr"), write_packed(rest));
    // What is removed does not come back from behind.
    EXPECT_EQ(set("a", "user.both", std::nullopt), std::nullopt);
    EXPECT_EQ(get("a", "user.both"), std::nullopt);
    EXPECT_EQ(read_packed(stored("a"))->count("user.both"), 0U);
    EXPECT_EQ(read_packed(stored("a"))->size(), rest.size() - 1);
}

TEST_F(PackedTest, where_plain_entries_would_not_fit_they_stay_packed) {
    // Each takes three bytes more as an entry of its own than packed.
    PackedAttributes many;
    for (int i = 0; i < 285; ++i) {
        const char letter = static_cast<char>('A' + i % 26);
        many["user." + std::string(1, letter) + std::to_string(i)] = "";
    }
    put_packed(many);
    const size_t packed_bytes = stored("a").at("xattr").size();
    ASSERT_LT(packed_bytes, 8000U);
    EXPECT_EQ(set("a", "user.new", "1"), std::nullopt);
    EXPECT_EQ(stored("a").size(), 2U);
    EXPECT_EQ(read_packed(stored("a")), many);
    EXPECT_EQ(set("a", "user.A0", "now plain"), std::nullopt);
    EXPECT_EQ(get("a", "user.A0"), "now plain");
    many.erase("user.A0");
    EXPECT_EQ(read_packed(stored("a")), many);
    EXPECT_EQ(set("a", "user.B1", std::nullopt), std::nullopt);
    EXPECT_EQ(get("a", "user.B1"), std::nullopt);
    EXPECT_EQ(list("a").size(), many.size() + 1);
}

TEST_F(PackedTest, headers_and_posix_state_are_changed_without_touching_them) {
    put("a", {.user = {{"xattr", kTwo}}});
    EXPECT_EQ(set("a", "user.http.cache-control", "no-store"), std::nullopt);
    engine->record_posix(ObjectKey("a"), {.mode = 0100600});
    EXPECT_TRUE(engine->flush(ObjectKey("a")));
    EXPECT_EQ(stored("a").at("xattr"), kTwo);
    EXPECT_EQ(stored("a").at("mode"), "33152");
}

}  // namespace
}  // namespace xbucket::testing
