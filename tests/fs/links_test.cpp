// SPDX-FileCopyrightText: the xbucket authors
// Symbolic links, native (OSS) and as objects (S3).
#include "fs_fixture.h"

#include <sys/stat.h>

namespace xbucket {
namespace {

using ::testing::IsEmpty;
using testing::StoreCall;
using ::testing::UnorderedElementsAre;

class OssLinksTest : public FsTest {};
class S3LinksTest : public FsTest {
  protected:
    S3LinksTest() : FsTest(testing::MemoryService::s3()) {}
};

TEST_F(OssLinksTest, link_to_an_object_of_the_bucket_is_native) {
    put("d/f", "body");
    ASSERT_TRUE(symlink("link", "d/f"));
    EXPECT_EQ(count(StoreCall::put_symlink), 1u);
    EXPECT_EQ(other_.get_symlink(ObjectKey("link"))->str(), "d/f");
    mount();
    EXPECT_TRUE(S_ISLNK(stat("link")->mode));
    EXPECT_EQ(fs_->readlink(ino("link")).value(), "d/f");
}

TEST_F(OssLinksTest, odd_spelling_of_a_native_links_text_is_kept) {
    put("d/f", "body");
    ASSERT_TRUE(symlink("d/link", "./../d/f"));
    EXPECT_EQ(other_.get_symlink(ObjectKey("d/link"))->str(), "d/f");
    mount();
    EXPECT_EQ(fs_->readlink(ino("d/link")).value(), "./../d/f");
}

TEST_F(OssLinksTest, link_that_another_tool_made_reads_as_a_relative_path) {
    put("x/f", "body");
    ASSERT_TRUE(other_.put_symlink(ObjectKey("y/link"), ObjectKey("x/f"), {}));
    ASSERT_TRUE(names_in("y"));
    EXPECT_EQ(fs_->readlink(ino("y/link")).value(), "../x/f");
}

TEST_F(OssLinksTest, links_out_of_the_bucket_to_nothing_or_to_directories_are_objects) {
    put("d/f", "body");
    for (const char* target : {"/etc/passwd", "../../x", "missing", "d", "d/"}) {
        ASSERT_TRUE(symlink("link", target)) << target;
        EXPECT_EQ(body_of("link"), target);
        mount();
        EXPECT_EQ(fs_->readlink(ino("link")).value(), target);
        EXPECT_TRUE(S_ISLNK(stat("link")->mode));
        EXPECT_EQ(stat("link")->size, std::string(target).size());
        ASSERT_TRUE(unlink("link"));
    }
    EXPECT_EQ(count(StoreCall::put_symlink), 0u);
}

TEST_F(OssLinksTest, links_inside_neither_makes_nor_reads_links_that_may_lead_out) {
    put("d/e/f", "body");
    ASSERT_TRUE(symlink("passwd", "/etc/passwd"));
    ASSERT_TRUE(symlink("d/up", "../../x"));
    ASSERT_TRUE(symlink("d/e/root", "../../z"));
    FsConfig config = config_;
    config.links = LinkPolicy::inside;
    mount(config);
    for (const char* name : {"passwd", "d/up"}) {
        EXPECT_TRUE(S_ISLNK(stat(name)->mode)) << name;  // what is there shows
        EXPECT_EQ(fs_->readlink(ino(name)).error().kind, ErrorKind::not_permitted) << name;
        EXPECT_EQ(fs_->readlink(ino(name)).error().kind, ErrorKind::not_permitted) << name;
    }
    EXPECT_EQ(symlink("new", "/etc").error().kind, ErrorKind::not_permitted);
    EXPECT_EQ(symlink("d/new", "../..").error().kind, ErrorKind::not_permitted);
    EXPECT_FALSE(in_bucket("new"));
    EXPECT_TRUE(symlink("d/new", "../d/e/f"));
    EXPECT_EQ(fs_->readlink(ino("d/new")).value(), "../d/e/f");
    // What led inside from where it was leads out from here.
    EXPECT_EQ(fs_->readlink(ino("d/e/root")).value(), "../../z");
    ASSERT_TRUE(rename("d/e/root", "d/root"));
    EXPECT_EQ(fs_->readlink(ino("d/root")).error().kind, ErrorKind::not_permitted);
    EXPECT_TRUE(unlink("passwd"));
}

TEST_F(OssLinksTest, native_link_to_nothing_is_listed_where_attributes_are_read_back) {
    FsConfig config = config_;
    config.stat_mode = StatMode::meta;
    mount(config);
    ASSERT_TRUE(other_.put_symlink(ObjectKey("l"), ObjectKey("nowhere"), {}));
    EXPECT_THAT(*names_in(""), ::testing::ElementsAre("l"));
}

TEST_F(OssLinksTest, native_link_whose_target_went_is_still_a_link) {
    put("f", "body");
    ASSERT_TRUE(symlink("link", "f"));
    ASSERT_TRUE(other_.remove(ObjectKey("f")));
    mount();
    EXPECT_TRUE(S_ISLNK(stat("link")->mode));
    EXPECT_EQ(fs_->readlink(ino("link")).value(), "f");
    ASSERT_TRUE(unlink("link"));
    EXPECT_FALSE(in_bucket("link"));
}

TEST_F(OssLinksTest, renamed_link_keeps_its_text_as_on_any_file_system) {
    put("f", "body");
    put("d/f", "other");
    ASSERT_TRUE(symlink("link", "f"));
    ASSERT_TRUE(rename("link", "d/link"));
    EXPECT_EQ(fs_->readlink(ino("d/link")).value(), "f");
    EXPECT_EQ(other_.get_symlink(ObjectKey("d/link"))->str(), "d/f");
    EXPECT_FALSE(in_bucket("link"));
}

// Copied by the service where its text means the same, made anew where it does not.
TEST_F(OssLinksTest, renamed_link_keeps_what_others_gave_it) {
    for (const char* name : {"f", "d/f", "x/y"}) put(name, "body");
    const ObjectAttributes theirs{.user = {{"year", "2021"}}};
    for (const char* to : {"moved", "d/moved", "x/moved"}) {
        ASSERT_TRUE(other_.put_symlink(ObjectKey("link"), ObjectKey("f"), theirs));
        ASSERT_TRUE(other_.put_tags(ObjectKey("link"), {{"k", "v"}}));
        ASSERT_TRUE(other_.put_acl(ObjectKey("link"), "public-read"));
        clock_.advance(std::chrono::seconds(61));
        ASSERT_TRUE(S_ISLNK(stat("link")->mode));
        ASSERT_TRUE(rename("link", to)) << to;
        EXPECT_EQ(metadata_of(to).at("year"), "2021") << to;
        EXPECT_EQ(other_.get_tags(ObjectKey(to)).value(), (Tags{{"k", "v"}})) << to;
        EXPECT_EQ(other_.get_acl(ObjectKey(to)).value(), "public-read") << to;
        EXPECT_FALSE(in_bucket("link"));
        EXPECT_EQ(fs_->readlink(ino(to)).value(), "f");
    }
    EXPECT_EQ(count(StoreCall::copy), 1u);
    EXPECT_EQ(count(StoreCall::put_symlink), 2u);
}

TEST_F(OssLinksTest, time_and_owner_of_a_native_link_are_recorded_and_move_with_it) {
    put("d/f", "body", {.user = {{"year", "2021"}}});
    ASSERT_TRUE(symlink("link", "./d/f"));
    const WallTime then = WallTime::from_seconds(1'000'000'000);
    ASSERT_TRUE(fs_->setattr(ino("link"), {.uid = 1234, .mtime = then}, std::nullopt));
    ASSERT_NO_FATAL_FAILURE(go_down());
    FsConfig config = config_;
    config.stat_mode = StatMode::meta;
    const auto expect_recorded = [&](const char* name) {
        mount(config);
        EXPECT_EQ(stat(name)->mtime, then) << name;
        EXPECT_EQ(stat(name)->uid, 1234u) << name;
        EXPECT_TRUE(S_ISLNK(stat(name)->mode)) << name;
        EXPECT_EQ(fs_->readlink(ino(name)).value(), "./d/f") << name;
    };
    expect_recorded("link");
    ASSERT_TRUE(rename("link", "moved"));
    expect_recorded("moved");
    EXPECT_EQ(metadata_of("d/f"), (UserMetadata{{"year", "2021"}})) << "the target's own";
    EXPECT_EQ(body_of("d/f"), "body");
    // It goes on being one with the time that a program sets once more, beside another edit.
    ASSERT_TRUE(fs_->setattr(ino("moved"), {.gid = 77}, std::nullopt));
    ASSERT_NO_FATAL_FAILURE(go_down());
    expect_recorded("moved");
}

class OssLinkShownTest : public FsTest, public ::testing::WithParamInterface<StatMode> {
  protected:
    OssLinkShownTest() {
        config_.stat_mode = GetParam();
        mount();
    }
    // As `ls -l` does, by readdirplus.
    void list() {
        const Opened opened = *fs_->opendir(kRootInode);
        uint64_t offset = 0;
        for (bool more = true; more;) {
            more = false;
            ASSERT_TRUE(
                fs_->readdir(kRootInode, opened.handle, offset, true, [&](const DirEntry& entry) {
                    more = true;
                    offset = entry.next_offset;
                    return true;
                }));
        }
        fs_->releasedir(opened.handle);
    }
    const WallTime kThen = WallTime::from_seconds(1'000'000'000);
    void expect_shown(const char* name, uint64_t size) {
        const Result<Attr> attr = stat(name);
        ASSERT_TRUE(attr.has_value()) << attr.error().describe();
        EXPECT_TRUE(S_ISLNK(attr->mode));
        EXPECT_EQ(attr->mtime, kThen);
        EXPECT_EQ(attr->uid, 5u);
        EXPECT_EQ(attr->gid, 6u);
        EXPECT_EQ(attr->size, size);
    }
    void make_link() {
        put("d/f", "body of the target");
        clock_.advance(std::chrono::seconds(5));
        ASSERT_TRUE(symlink("link", "./d/f"));
        SetAttr change;
        change.uid = 5;
        change.gid = 6;
        change.mtime = kThen;
        ASSERT_TRUE(fs_->setattr(ino("link"), change, std::nullopt));
    }
};

INSTANTIATE_TEST_SUITE_P(StatModes, OssLinkShownTest,
                         ::testing::Values(StatMode::list, StatMode::meta), [](const auto& mode) {
                             return mode.param == StatMode::list ? "list" : "meta";
                         });

// A listing tells a native link's own ETag and no size, a HEAD its target's.
TEST_P(OssLinkShownTest, time_owner_and_size_of_a_native_link_stay_whatever_tells_of_it) {
    make_link();
    expect_shown("link", 5);
    list();
    expect_shown("link", 5);
    clock_.advance(std::chrono::seconds(3));
    ASSERT_TRUE(meta_->flush_below(""));
    expect_shown("link", 5);
    for (int round = 0; round < 3; ++round) {
        list();
        expect_shown("link", 5);
        clock_.advance(std::chrono::seconds(61));
        expect_shown("link", 5);
        if (round == 1) put("d/f", "another body, of another length");
    }
    ASSERT_TRUE(rename("link", "moved"));
    list();
    expect_shown("moved", 5);
    clock_.advance(std::chrono::seconds(61));
    list();
    expect_shown("moved", 5);
    EXPECT_EQ(fs_->readlink(ino("moved")).value(), "./d/f");
    // Out of the bucket leads only a link that is an object.
    ASSERT_TRUE(mkdir("e"));
    ASSERT_TRUE(symlink("e/up", "../d/f"));
    const WallTime made = stat("e/up")->mtime;
    clock_.advance(std::chrono::seconds(61));
    ASSERT_TRUE(rename("e/up", "up"));
    EXPECT_EQ(body_of("up"), "../d/f");
    EXPECT_EQ(stat("up")->mtime, made);
    list();
    EXPECT_EQ(stat("up")->mtime, made);
    EXPECT_EQ(stat("up")->size, 6u);
}

TEST_P(OssLinkShownTest, size_of_a_native_link_is_that_of_its_text_once_that_was_read) {
    make_link();
    ASSERT_TRUE(meta_->flush_below(""));
    mount();
    list();
    const InodeNumber number = ino("link");
    EXPECT_EQ(stat("link")->size, 0u);
    EXPECT_EQ(fs_->readlink(number).value(), "./d/f");
    EXPECT_THAT(notifier_.inodes(), ::testing::Contains(std::pair(number, false)));
    EXPECT_EQ(stat("link")->size, 5u);
    for (int round = 0; round < 2; ++round) {
        clock_.advance(std::chrono::seconds(61));
        EXPECT_EQ(stat("link")->size, 5u);
        list();
        EXPECT_EQ(stat("link")->size, 5u);
    }
    if (GetParam() == StatMode::meta) expect_shown("link", 5);
}

TEST_P(OssLinkShownTest, native_link_that_others_made_anew_is_read_again) {
    put("one", "1");
    put("other", "2");
    clock_.advance(std::chrono::seconds(5));
    ASSERT_TRUE(symlink("link", "one"));
    const char* target = "one";
    for (const bool listed : {true, true, false, true, false, false}) {
        clock_.advance(std::chrono::seconds(61));
        target = target == std::string("one") ? "other" : "one";
        ASSERT_TRUE(other_.put_symlink(ObjectKey("link"), ObjectKey(target), {}));
        if (listed) list();
        const InodeNumber number = ino("link");
        EXPECT_EQ(fs_->readlink(number).value(), target);
        EXPECT_EQ(stat("link")->size, std::string(target).size());
    }
}

TEST_P(OssLinkShownTest, text_of_a_native_link_is_read_once) {
    put("f", "1");
    ASSERT_TRUE(other_.put_symlink(ObjectKey("link"), ObjectKey("f"), {}));
    list();
    store_.clear_log();
    for (int round = 0; round < 4; ++round) {
        EXPECT_EQ(fs_->readlink(ino("link")).value(), "f");
        clock_.advance(std::chrono::seconds(61));
        list();
    }
    EXPECT_EQ(count(StoreCall::get_symlink), 1u);
}

TEST_F(OssLinksTest, link_is_not_made_over_what_others_made_meanwhile) {
    put("f", "body");
    EXPECT_EQ(look_up("link").error().kind, ErrorKind::not_found);
    put("link", "theirs");
    EXPECT_EQ(symlink("link", "f").error().kind, ErrorKind::already_exists);
    EXPECT_EQ(body_of("link"), "theirs");
}

TEST_F(OssLinksTest, link_is_renamed_over_others_only_where_it_may_replace) {
    put("f", "body");
    ASSERT_TRUE(symlink("link", "f"));
    EXPECT_EQ(look_up("to").error().kind, ErrorKind::not_found);
    put("to", "theirs");
    EXPECT_EQ(rename("link", "to", true).error().kind, ErrorKind::already_exists);
    EXPECT_EQ(body_of("to"), "theirs");
    EXPECT_EQ(fs_->readlink(ino("link")).value(), "f");
    ASSERT_TRUE(rename("link", "to"));
    EXPECT_EQ(other_.get_symlink(ObjectKey("to"))->str(), "f");
    EXPECT_FALSE(in_bucket("link"));
}

TEST_F(OssLinksTest, link_that_cannot_be_native_at_its_new_place_replaces_what_is_there) {
    put("f", "body");
    put("d/f", "other");
    put("top", "old");
    ASSERT_TRUE(symlink("d/link", "../f"));
    ASSERT_TRUE(rename("d/link", "top"));  // "../f" leads out of the bucket from there
    EXPECT_EQ(body_of("top"), "../f");
    EXPECT_EQ(fs_->readlink(ino("top")).value(), "../f");
    EXPECT_FALSE(in_bucket("d/link"));
}

TEST_F(OssLinksTest, links_move_with_their_directory) {
    put("d/f", "body");
    ASSERT_TRUE(symlink("d/link", "f"));
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(fs_->readlink(ino("n/link")).value(), "f");
    EXPECT_EQ(other_.get_symlink(ObjectKey("n/link"))->str(), "n/f");
}

TEST_F(OssLinksTest, links_have_no_attributes) {
    put("f", "body");
    ASSERT_TRUE(symlink("link", "./f"));
    EXPECT_THAT(*listxattr("link"), IsEmpty());
    EXPECT_EQ(getxattr("link", "user.a").error().kind, ErrorKind::no_such_attribute);
    EXPECT_EQ(setxattr("link", "user.a", "1").error().kind, ErrorKind::not_permitted);
}

TEST_F(OssLinksTest, link_cannot_be_opened_itself) {
    put("f", "body");
    ASSERT_TRUE(symlink("link", "f"));
    EXPECT_EQ(open("link", {}).error().kind, ErrorKind::symlink_loop);
    EXPECT_EQ(fs_->readlink(ino("f")).error().kind, ErrorKind::invalid_argument);
}

TEST_F(S3LinksTest, link_is_an_object_that_s3fs_understands) {
    ASSERT_TRUE(symlink("link", "d/f"));
    EXPECT_EQ(body_of("link"), "d/f");
    EXPECT_EQ(metadata_of("link").at("mode"), std::to_string(S_IFLNK | 0777));
    EXPECT_TRUE(S_ISLNK(stat("link")->mode));
    mount();
    EXPECT_TRUE(S_ISLNK(stat("link")->mode));
    EXPECT_EQ(fs_->readlink(ino("link")).value(), "d/f");
    EXPECT_EQ(stat("link")->size, 3u);
}

TEST_F(S3LinksTest, links_of_geesefs_and_ossfs_whose_metadata_hold_the_text_are_links) {
    put("geesefs", "", {.user = {{"--symlink-target", "d/100%25 %C3%A9"}}});
    put("ossfs", "", {.user = {{"symlink-target", "header:5:../%25"}, {"mode", "41471"}}});
    put("body", "d/f", {.user = {{"symlink-target", "body:0:"}}});
    put("own", "d/f", {.user = {{"symlink-target", "somewhere else"}}});
    FsConfig config = config_;
    config.stat_mode = StatMode::meta;
    mount(config);
    ASSERT_TRUE(names_in(""));
    EXPECT_TRUE(S_ISLNK(stat("geesefs")->mode));
    EXPECT_EQ(fs_->readlink(ino("geesefs")).value(), "d/100% \xC3\xA9");
    EXPECT_EQ(fs_->readlink(ino("ossfs")).value(), "../%");
    EXPECT_EQ(fs_->readlink(ino("body")).value(), "d/f");
    EXPECT_TRUE(S_ISREG(stat("own")->mode)) << "an attribute of that name makes no link";
    ASSERT_TRUE(rename("geesefs", "moved"));
    EXPECT_EQ(fs_->readlink(ino("moved")).value(), "d/100% \xC3\xA9");
    EXPECT_EQ(metadata_of("moved").at("--symlink-target"), "d/100%25 %C3%A9");
}

TEST_F(S3LinksTest, link_stays_a_link_when_a_listing_shows_it_as_an_object) {
    ASSERT_TRUE(symlink("link", "d/f"));
    const InodeNumber number = ino("link");
    ASSERT_TRUE(names_in(""));
    EXPECT_EQ(ino("link"), number);
    EXPECT_TRUE(S_ISLNK(stat("link")->mode));
}

TEST_F(S3LinksTest, link_moves) {
    ASSERT_TRUE(symlink("link", "x"));
    ASSERT_TRUE(rename("link", "link2"));
    EXPECT_EQ(body_of("link2"), "x");
    EXPECT_EQ(fs_->readlink(ino("link2")).value(), "x");
    mount();
    EXPECT_TRUE(S_ISLNK(stat("link2")->mode));
}

TEST_F(S3LinksTest, taken_name_is_not_overwritten) {
    put("f", "body");
    EXPECT_EQ(symlink("f", "x").error().kind, ErrorKind::already_exists);
    EXPECT_EQ(body_of("f"), "body");
}

}  // namespace
}  // namespace xbucket
