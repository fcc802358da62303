// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore's promises about listings (protocol.md 5).
#include "object_store_contract.h"
#include "support/memory_store.h"

#include <algorithm>
#include <set>

namespace xbucket::testing {
namespace {

TEST_P(ObjectStoreContract, an_empty_bucket_lists_as_one_empty_page) {
    const ListPage page = MUST(store().list({}));
    EXPECT_TRUE(page.objects.empty());
    EXPECT_TRUE(page.common_prefixes.empty());
    EXPECT_EQ(page.next_token, "");
    ListRequest nowhere;
    nowhere.prefix = "no/such/";
    nowhere.delimiter = "/";
    EXPECT_TRUE(MUST(list_names(store(), nowhere)).empty());
}

TEST_P(ObjectStoreContract, listed_entries_say_what_head_says) {
    put("d/f", "examplecontent", full_attributes());
    ListRequest request;
    request.prefix = "d/";
    const ListPage page = MUST(store().list(request));
    ASSERT_EQ(page.objects.size(), 1u);
    const ListEntry& entry = page.objects.front();
    const ObjectInfo info = info_of("d/f");
    EXPECT_EQ(entry.key, ObjectKey("d/f"));
    EXPECT_EQ(entry.size, 14u);
    EXPECT_EQ(entry.etag, info.etag);
    EXPECT_EQ(entry.last_modified, info.last_modified) << "cut to whole seconds like HEAD's";
    if (store().traits().storage_class_listed && !info.attributes.storage_class.empty()) {
        EXPECT_EQ(entry.storage_class, info.attributes.storage_class);
    }
    if (facts().type_told) {
        EXPECT_EQ(entry.type, ObjectType::normal);
    }
    EXPECT_NE(page.date, WallTime{});
}

TEST_P(ObjectStoreContract, delimiter_folds_what_lies_deeper_into_common_prefixes) {
    for (const char* key : {"a", "d/1", "d/2", "d/sub/3", "e/", "e/4", "z"}) put(key, "x");
    ListRequest request;
    request.delimiter = "/";
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"a", "z", "d/", "e/"}));
    request.prefix = "d/";
    EXPECT_EQ(MUST(list_names(store(), request)),
              (std::vector<std::string>{"d/1", "d/2", "d/sub/"}));
    request.prefix = "e/";
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"e/", "e/4"}))
        << "the marker of the directory itself is an object of its listing";
    request.prefix = "d";
    EXPECT_EQ(MUST(list_names(store(), request)), std::vector<std::string>{"d/"});
}

TEST_P(ObjectStoreContract, pages_of_two_give_everything_once_and_in_order) {
    std::vector<std::string> expected;
    for (const char* key : {"a", "b/1", "b/2", "b/3", "b/4", "c", "d/1", "e", "f/1", "f/2", "g"})
        put(key, "x");
    for (const std::string delimiter : {"", "/"}) {
        SCOPED_TRACE("delimiter '" + delimiter + "'");
        ListRequest whole;
        whole.delimiter = delimiter;
        ListRequest paged = whole;
        paged.keys_max = 2;
        std::vector<std::string> names;
        std::set<std::string> tokens;
        size_t pages = 0;
        do {
            const ListPage page = MUST(store().list(paged));
            ASSERT_LE(page.objects.size() + page.common_prefixes.size(), 2u);
            std::vector<std::string> here(page.common_prefixes);
            for (const ListEntry& entry : page.objects) here.push_back(entry.key.str());
            std::sort(here.begin(), here.end());
            names.insert(names.end(), here.begin(), here.end());
            paged.token = page.next_token;
            ASSERT_TRUE(page.next_token.empty() || tokens.insert(page.next_token).second)
                << "a token came twice";
        } while (!paged.token.empty() && ++pages < 20);
        std::vector<std::string> all = MUST(list_names(store(), whole));
        std::sort(all.begin(), all.end());
        EXPECT_EQ(names, all);
        EXPECT_EQ(names.size(), delimiter.empty() ? 11u : 7u);
    }
}

TEST_P(ObjectStoreContract, a_page_that_is_exactly_full_has_no_successor) {
    for (const char* key : {"a", "b", "c", "d"}) put(key, "x");
    ListRequest request;
    request.keys_max = 4;
    EXPECT_EQ(MUST(list_names(store(), request)).size(), 4u);
}

TEST_P(ObjectStoreContract, keys_are_listed_in_byte_order) {
    std::vector<std::string> keys = {"a",
                                     "a!",
                                     "a-b",
                                     "a.txt",
                                     "a/",
                                     "a/b",
                                     "a0",
                                     "aa",
                                     "A",
                                     "\xC3\xA9",
                                     "~",
                                     "b",
                                     "\xE6\x97\xA5",
                                     "\xEF\xBF\xBD",
                                     "\xF0\x9F\x98\x80",
                                     "a\x01",
                                     "a b"};
    for (const std::string& key : keys) put(key, "x");
    std::sort(keys.begin(), keys.end());  // std::string compares as unsigned bytes
    ListRequest request;
    request.keys_max = 3;
    EXPECT_EQ(MUST(list_names(store(), request)), keys);
}

TEST_P(ObjectStoreContract, prefixes_may_hold_any_bytes) {
    for (const std::string& prefix :
         {std::string("sp ace/"), std::string("p%20/"), std::string("plus+/"),
          std::string("a&b=c/"), std::string("\xE6\x97\xA5/"), std::string("ctl\x01/"),
          std::string("x//")}) {
        SCOPED_TRACE(prefix);
        put(prefix + "inside", "x");
        put(prefix + "sub dir/deeper", "x");
        ListRequest request;
        request.prefix = prefix;
        request.delimiter = "/";
        EXPECT_EQ(MUST(list_names(store(), request)),
                  (std::vector<std::string>{prefix + "inside", prefix + "sub dir/"}));
    }
}

TEST_P(ObjectStoreContract, start_after_begins_behind_that_key) {
    for (const char* key : {"a", "b", "b/1", "b/2", "c"}) put(key, "x");
    ListRequest request;
    request.start_after = "b";
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"b/1", "b/2", "c"}));
    request.start_after = "b/1";
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"b/2", "c"}));
    request.start_after = "b/0";  // not a key
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"b/1", "b/2", "c"}));
    request.start_after = "zzz";
    EXPECT_TRUE(MUST(list_names(store(), request)).empty());
    request.start_after = "b";
    request.prefix = "b/";
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"b/1", "b/2"}));
}

// One page of 1000 and the rest: the sizes that real directories cross.
TEST_P(ObjectStoreContract, start_after_applies_to_the_first_page_only) {
    for (const char* key : {"a", "b", "c", "d", "e", "f"}) put(key, "x");
    ListRequest request;
    request.start_after = "b";
    request.keys_max = 2;
    EXPECT_EQ(MUST(list_names(store(), request)), (std::vector<std::string>{"c", "d", "e", "f"}));
}

TEST_P(ObjectStoreContract, versions_and_delete_markers_are_listed_from_the_newest) {
    ObjectStore* kept = bucket().versioned();
    if (kept == nullptr) GTEST_SKIP() << "no bucket that keeps versions";
    const std::string name = "dir/f +%\xC3\xA9";
    const ObjectKey key(name);
    MUST(put_object(*kept, name, "one"));
    MUST(put_object(*kept, name + " longer", "not of this key"));
    bucket().next_second();
    MUST(put_object(*kept, name, "three"));
    MUST(kept->remove(key));
    bucket().next_second();
    MUST(put_object(*kept, name, "four!!"));
    const ObjectInfo info = MUST(kept->head(key)).info;

    const VersionList list = MUST(kept->list_versions(key, 10));
    EXPECT_FALSE(list.more);
    ASSERT_EQ(list.versions.size(), 4u);
    const ObjectVersion& newest = list.versions[0];
    EXPECT_EQ(newest.id, info.version_id);
    EXPECT_EQ(newest.etag, info.etag);
    EXPECT_EQ(newest.last_modified, info.last_modified);
    std::set<std::string> ids;
    for (const ObjectVersion& version : list.versions) ids.insert(version.id.str());
    EXPECT_EQ(ids.size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(list.versions[i].latest, i == 0) << i;
        EXPECT_EQ(list.versions[i].delete_marker, i == 1) << i;
        EXPECT_EQ(list.versions[i].size, (std::vector<uint64_t>{6, 0, 5, 3})[i]) << i;
    }
    EXPECT_LT(list.versions[3].last_modified, list.versions[2].last_modified);

    const VersionList two = MUST(kept->list_versions(key, 2));
    EXPECT_TRUE(two.more);
    ASSERT_EQ(two.versions.size(), 2u);
    EXPECT_EQ(two.versions[1].id, list.versions[1].id);
    EXPECT_FALSE(MUST(kept->list_versions(key, 4)).more);
    EXPECT_TRUE(MUST(kept->list_versions(ObjectKey("dir/"), 10)).versions.empty());
}

TEST_P(ObjectStoreContract, a_bucket_that_keeps_no_versions_lists_the_object_as_version_null) {
    put("f", "x");
    put("f2", "y");
    put("f", "xyz");
    const VersionList list = MUST(store().list_versions(ObjectKey("f"), 10));
    ASSERT_EQ(list.versions.size(), 1u);
    EXPECT_EQ(list.versions[0].id.str(), "null");
    EXPECT_TRUE(list.versions[0].latest);
    EXPECT_EQ(list.versions[0].size, 3u);
}

TEST_P(ObjectStoreContract, a_listing_shows_what_was_just_written_and_deleted) {
    put("f", "x");
    EXPECT_EQ(MUST(list_names(store(), {})), std::vector<std::string>{"f"});
    put("f", "xyz");
    EXPECT_EQ(MUST(store().list({})).objects.at(0).size, 3u);
    MUST(store().remove(ObjectKey("f")));
    EXPECT_TRUE(MUST(list_names(store(), {})).empty());
}

}  // namespace
}  // namespace xbucket::testing
