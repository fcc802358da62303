// SPDX-FileCopyrightText: the xbucket authors
#include "path_rules.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

TEST(PathRules, names_that_no_path_can_express_are_not_shown) {
    EXPECT_FALSE(is_showable_name(""));
    EXPECT_FALSE(is_showable_name("."));
    EXPECT_FALSE(is_showable_name(".."));
    EXPECT_FALSE(is_showable_name("a/b"));
    EXPECT_FALSE(is_showable_name(std::string_view("a\0b", 3)));
    EXPECT_FALSE(is_showable_name(std::string(256, 'x')));
}

TEST(PathRules, names_are_bytes_and_odd_ones_are_shown_as_they_are) {
    EXPECT_TRUE(is_showable_name(std::string(255, 'x')));
    EXPECT_TRUE(is_showable_name("..."));
    EXPECT_TRUE(is_showable_name(" "));
    EXPECT_TRUE(is_showable_name("\x01\n\x7f"));
    EXPECT_TRUE(is_showable_name("\xff\xfe"));
    EXPECT_TRUE(is_showable_name("caf\xc3\xa9"));
}

TEST(PathRules, name_below_sees_one_level_and_not_the_marker) {
    EXPECT_EQ(name_below("d/", "d/f"), "f");
    EXPECT_EQ(name_below("d/", "d/sub/"), "sub");
    EXPECT_EQ(name_below("", "f"), "f");
    EXPECT_EQ(name_below("", "/"), "");  // a key "/x": an empty component, not showable
    EXPECT_EQ(name_below("d/", "d/"), std::nullopt);
    EXPECT_EQ(name_below("d/", "e/f"), std::nullopt);
    EXPECT_EQ(name_below("d/", "d/sub/f"), std::nullopt);
}

TEST(PathRules, keys_are_limited_as_a_whole_and_by_component) {
    const ObjectKey directory("d/");
    EXPECT_EQ(file_key(directory, "f", 3)->str(), "d/f");
    EXPECT_EQ(file_key(directory, "ff", 3).error().kind, ErrorKind::name_too_long);
    EXPECT_EQ(directory_key(directory, "f", 3).error().kind, ErrorKind::name_too_long);
    EXPECT_EQ(directory_key(directory, "f", 4)->str(), "d/f/");
    EXPECT_EQ(file_key(directory, std::string(256, 'x'), 1023).error().kind,
              ErrorKind::name_too_long);
    EXPECT_EQ(file_key(directory, "..", 1023).error().kind, ErrorKind::invalid_name);
}

TEST(PathRules, parents_and_names) {
    EXPECT_EQ(parent_key(ObjectKey("a/b/c")).str(), "a/b/");
    EXPECT_EQ(parent_key(ObjectKey("a/b/")).str(), "a/");
    EXPECT_EQ(parent_key(ObjectKey("a/")).str(), "");
    EXPECT_EQ(parent_key(ObjectKey("")).str(), "");
    EXPECT_EQ(name_of(ObjectKey("a/b/")), "b");
    EXPECT_EQ(name_of(ObjectKey("a/b")), "b");
    EXPECT_EQ(moved_key(ObjectKey("a/b/c"), "a/", "x/y/").str(), "x/y/b/c");
}

TEST(PathRules, links_resolve_inside_the_bucket_only) {
    const ObjectKey link("a/b/link");
    EXPECT_EQ(resolve_link(link, "f")->str(), "a/b/f");
    EXPECT_EQ(resolve_link(link, "../f")->str(), "a/f");
    EXPECT_EQ(resolve_link(link, "./x/../f")->str(), "a/b/f");
    EXPECT_EQ(resolve_link(link, "../../f")->str(), "f");
    EXPECT_FALSE(resolve_link(link, "../../../f"));
    EXPECT_FALSE(resolve_link(link, "/etc/shadow"));
    EXPECT_FALSE(resolve_link(link, ""));
    EXPECT_FALSE(resolve_link(link, "dir/"));
    EXPECT_FALSE(resolve_link(link, ".."));
    EXPECT_FALSE(resolve_link(ObjectKey("link"), "."));
}

TEST(PathRules, links_may_lead_outside_by_a_slash_or_by_going_up_too_far) {
    const ObjectKey link("a/b/link");
    for (const char* inside : {"f", "../f", "../../f", "..", "./../..", "x/y", "x/./y", "..//../f",
                               "...", "..x", "f/"}) {
        EXPECT_FALSE(may_lead_outside(link, inside)) << inside;
    }
    for (const char* outside :
         {"/", "/etc/shadow", "//f", "../../../f", "../../..", ".././../../x"}) {
        EXPECT_TRUE(may_lead_outside(link, outside)) << outside;
    }
    // Where x is a link to the root's "d", "x/../.." is above the root.
    EXPECT_TRUE(may_lead_outside(link, "x/../.."));
    EXPECT_TRUE(may_lead_outside(link, "../x/.."));
    EXPECT_FALSE(may_lead_outside(ObjectKey("link"), "f"));
    EXPECT_TRUE(may_lead_outside(ObjectKey("link"), ".."));
}

TEST(PathRules, relative_links_resolve_to_their_target) {
    const char* const cases[][3] = {
        {"link", "f", "f"},         {"a/link", "f", "../f"},
        {"a/link", "a/f", "f"},     {"a/b/link", "a/c/f", "../c/f"},
        {"a/link", "a/b/f", "b/f"}, {"a/link", "a", "../a"},
    };
    for (const auto& [link, target, text] : cases) {
        EXPECT_EQ(relative_link(ObjectKey(link), ObjectKey(target)), text) << link;
        EXPECT_EQ(resolve_link(ObjectKey(link), text)->str(), target) << link;
    }
}

}  // namespace
}  // namespace xbucket
