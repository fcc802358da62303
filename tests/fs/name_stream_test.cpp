// SPDX-FileCopyrightText: the xbucket authors
// Goal: a directory's names are right wherever page borders fall. Method: every case is cut into
// pages of 1, 2, ... entries, and all cuts must give the same names.
#include "name_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace xbucket {
namespace {

using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

// What a service lists below `directory` with delimiter '/', in pages of `page_entries`.
std::vector<ListPage> pages_of(const std::string& directory, std::vector<std::string> keys,
                               size_t page_entries) {
    std::sort(keys.begin(), keys.end());
    std::vector<std::string> entries;  // keys and prefixes, in order
    for (const std::string& key : keys) {
        const size_t slash = key.find('/', directory.size());
        std::string entry = slash == std::string::npos ? key : key.substr(0, slash + 1);
        if (key == directory) entry = key;
        if (entries.empty() || entries.back() != entry) entries.push_back(entry);
    }
    std::vector<ListPage> pages(1);
    size_t in_page = 0;
    for (const std::string& entry : entries) {
        if (in_page++ == page_entries) {
            pages.back().next_token = "more";
            pages.emplace_back();
            in_page = 1;
        }
        if (entry.ends_with('/') && entry != directory) {
            pages.back().common_prefixes.push_back(entry);
        } else {
            ListEntry object;
            object.key = ObjectKey(entry);
            pages.back().objects.push_back(object);
        }
    }
    return pages;
}

struct Names {
    std::vector<std::string> all;  // directories with a '/'
    uint64_t skipped = 0;
    uint64_t shadowed = 0;
    size_t held_max = 0;
};

Names names_of_listing(const std::string& directory, const std::vector<std::string>& keys,
                       size_t page_entries) {
    NameStream stream{ObjectKey(directory)};
    Names names;
    for (const ListPage& page : pages_of(directory, keys, page_entries)) {
        stream.add(page);
        names.held_max = std::max(names.held_max, stream.held());
        for (const ListedName& name : stream.ready()) {
            names.all.push_back(name.name + (name.directory ? "/" : ""));
        }
        stream.ready().clear();
    }
    names.skipped = stream.skipped();
    names.shadowed = stream.shadowed();
    return names;
}

void expect_names(const std::string& directory, const std::vector<std::string>& keys,
                  const std::vector<std::string>& expected, uint64_t skipped = 0,
                  uint64_t shadowed = 0) {
    for (size_t page_entries = 1; page_entries <= keys.size() + 1; ++page_entries) {
        const Names names = names_of_listing(directory, keys, page_entries);
        EXPECT_THAT(names.all, UnorderedElementsAreArray(expected)) << page_entries << " a page";
        EXPECT_EQ(names.skipped, skipped) << page_entries;
        EXPECT_EQ(names.shadowed, shadowed) << page_entries;
    }
}

TEST(NameStream, files_and_directories_of_one_level) {
    expect_names("d/", {"d/", "d/a", "d/b/x", "d/b/y", "d/c"}, {"a", "b/", "c"});
}

TEST(NameStream, directory_hides_the_file_of_its_name_also_pages_later) {
    // '-' and '.' sort before '/': all of these stand between `a` and `a/`.
    expect_names("", {"a", "a b", "a!", "a-b", "a-c", "a.txt", "a/x", "a0"},
                 {"a b", "a!", "a-b", "a-c", "a.txt", "a/", "a0"}, 0, 1);
}

TEST(NameStream, nested_holds_end_in_the_right_order) {
    expect_names("", {"a", "a-", "a--", "a--/x", "a-/x", "a.", "a/x"}, {"a--/", "a-/", "a.", "a/"},
                 0, 3);
    expect_names("", {"a", "a-", "a--", "a-/x", "b"}, {"a", "a--", "a-/", "b"}, 0, 1);
}

TEST(NameStream, file_without_directory_of_its_name_is_shown) {
    expect_names("", {"a", "a-b", "b"}, {"a", "a-b", "b"});
    expect_names("", {"a"}, {"a"});
}

TEST(NameStream, unshowable_keys_are_skipped_and_counted) {
    expect_names("d/",
                 {"d//x", "d/./x", "d/../x", "d/.", "d/..", "d/ok", "d/" + std::string(256, 'n')},
                 {"ok"}, 6 - 1 + 1);
}

TEST(NameStream, leading_slash_keys_are_skipped_at_the_root) {
    expect_names("", {"/x", "/y", "z"}, {"z"}, 1);
}

TEST(NameStream, memory_does_not_grow_with_the_number_of_keys) {
    std::vector<std::string> keys = {"a"};
    for (int i = 0; i < 5000; ++i) keys.push_back("a-" + std::to_string(100000 + i));
    keys.push_back("a/x");
    const Names names = names_of_listing("", keys, 100);
    EXPECT_LE(names.held_max, 3u);
    EXPECT_EQ(names.all.size(), 5001u);
    EXPECT_EQ(names.shadowed, 1u);
}

TEST(NameStream, empty_directory_has_no_names) {
    expect_names("d/", {"d/"}, {});
    expect_names("d/", {}, {});
}

}  // namespace
}  // namespace xbucket
