// SPDX-FileCopyrightText: the xbucket authors
// Where files lie that are not in the bucket yet: the same place in every run, and no place that
// other users of the machine could prepare or read.
#include "spool_place.h"

#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace xbucket::app {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using xbucket::testing::TempDir;
using Variables = std::map<std::string, std::string>;

Config config_for(const std::string& source, const std::string& endpoint = "") {
    Config config;
    config.source = *parse_source(source);
    config.endpoint = endpoint;
    return config;
}

unsigned mode_of(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) == 0 ? st.st_mode & 07777 : 0;
}

TEST(SpoolPlace, is_the_users_state_directory_and_roots_is_the_machines) {
    const Config config = config_for("oss://photos");
    const Environment home(Variables{{"HOME", "/home/ann"}});
    EXPECT_THAT(*spool_path(config, home, false),
                MatchesRegex("/home/ann/.local/state/xbucket/oss-photos-[0-9a-f]{12}"));
    EXPECT_THAT(*spool_path(config, home, true), StartsWith("/var/lib/xbucket/oss-photos-"));
    const Environment state(Variables{{"HOME", "/home/ann"}, {"XDG_STATE_HOME", "/state"}});
    EXPECT_THAT(*spool_path(config, state, true), StartsWith("/state/xbucket/oss-photos-"));
    // The standard says that a relative one is to be ignored.
    const Environment relative(Variables{{"HOME", "/home/ann"}, {"XDG_STATE_HOME", "state"}});
    EXPECT_THAT(*spool_path(config, relative, false), StartsWith("/home/ann/.local/state/"));
}

TEST(SpoolPlace, a_given_directory_is_taken_as_it_is) {
    Config config = config_for("oss://photos");
    config.spool = "/srv/spool";
    EXPECT_EQ(*spool_path(config, Environment(), true), "/srv/spool");
}

TEST(SpoolPlace, each_source_has_one_of_its_own_and_always_the_same) {
    const Environment home(Variables{{"HOME", "/h"}});
    const auto path = [&](const Config& config) { return *spool_path(config, home, false); };
    const std::vector<Config> sources = {
        config_for("oss://photos"),        config_for("s3://photos"),
        config_for("s3://photos/2024"),    config_for("s3://photos", "https://ceph.example.net"),
        config_for("local:/srv/a#photos"), config_for("local:/srv/b#photos"),
    };
    std::set<std::string> distinct;
    for (const Config& source : sources) {
        EXPECT_EQ(path(source), path(source));
        distinct.insert(path(source));
    }
    EXPECT_EQ(distinct.size(), sources.size());
    // The port of an in-process server differs from run to run and is no part of the source.
    EXPECT_EQ(path(config_for("local:/srv/a#photos", "http://127.0.0.1:1")),
              path(config_for("local:/srv/a#photos", "http://127.0.0.1:2")));
}

TEST(SpoolPlace, is_the_same_however_the_place_of_a_source_is_spelt) {
    const std::string name =
        source_name(config_for("oss://photos", "https://oss-cn-hangzhou.aliyuncs.com"));
    for (const char* endpoint :
         {"https://oss-cn-hangzhou.aliyuncs.com/", "https://OSS-cn-Hangzhou.aliyuncs.com",
          "https://oss-cn-hangzhou.aliyuncs.com:443",
          "https://photos.oss-cn-hangzhou.aliyuncs.com"}) {
        EXPECT_EQ(source_name(config_for("oss://photos", endpoint)), name) << endpoint;
    }
    Config by_region = config_for("oss://photos");
    by_region.region = "cn-hangzhou";
    EXPECT_EQ(source_name(by_region), name);
    by_region.region = "cn-beijing";
    EXPECT_NE(source_name(by_region), name);
    EXPECT_NE(source_name(config_for("s3://photos", "https://ceph.example.net:8443")),
              source_name(config_for("s3://photos", "https://ceph.example.net")));

    const TempDir dir;
    ASSERT_EQ(mkdir((dir / "real").c_str(), 0700), 0);
    std::filesystem::create_symlink(dir / "real", dir / "link");
    EXPECT_EQ(source_name(config_for("local:" + (dir / "link") + "#photos")),
              source_name(config_for("local:" + (dir / "real") + "#photos")));
}

// Only what is surely of the source may be sent to it.
TEST(SpoolPlace, has_a_journal_for_each_source_and_finds_what_had_an_earlier_name) {
    Config config = config_for("oss://photos", "https://oss-cn-hangzhou.aliyuncs.com/");
    config.spool = "/srv/spool";
    const JournalPlace given = journal_place(config, config.spool);
    EXPECT_EQ(given.directory, "/srv/spool/journal/" + source_name(config));
    EXPECT_THAT(given.older, ::testing::IsEmpty());

    const TempDir dir;
    const Environment state(Variables{{"XDG_STATE_HOME", dir.path()}});
    config.spool.clear();
    const std::string spool = *prepare_spool(config, state);
    EXPECT_EQ(journal_place(config, spool).directory, spool + "/journal");
    EXPECT_THAT(journal_place(config, spool).older, ::testing::IsEmpty());
    // Of the endpoint as it was given.
    const std::string older = dir / "xbucket/oss-photos-c2219ed6cd02";
    std::filesystem::create_directories(older + "/journal");
    ASSERT_EQ(chmod(older.c_str(), 0700), 0);
    EXPECT_THAT(journal_place(config, spool).older, ::testing::ElementsAre(older + "/journal"));
    ASSERT_EQ(chmod(older.c_str(), 0777), 0);
    EXPECT_THAT(journal_place(config, spool).older, ::testing::IsEmpty())
        << "others can write to it";
}

TEST(SpoolPlace, is_made_private_with_the_directories_above_it) {
    const TempDir dir;
    const Environment state(Variables{{"XDG_STATE_HOME", dir / "a/b"}});
    const auto path = prepare_spool(config_for("oss://photos"), state);
    ASSERT_TRUE(path) << path.error().message;
    EXPECT_EQ(mode_of(*path), 0700U);
    EXPECT_EQ(mode_of(dir / "a/b/xbucket"), 0700U);
    EXPECT_TRUE(prepare_spool(config_for("oss://photos"), state)) << "a second time too";
}

TEST(SpoolPlace, a_directory_that_others_can_write_to_is_refused) {
    const TempDir dir;
    Config config = config_for("oss://photos");
    config.spool = dir / "shared";
    ASSERT_EQ(mkdir(config.spool.c_str(), 0700), 0);
    for (const mode_t mode : {mode_t{01777}, mode_t{0770}, mode_t{0702}}) {
        ASSERT_EQ(chmod(config.spool.c_str(), mode), 0);
        const auto path = prepare_spool(config, Environment());
        ASSERT_FALSE(path);
        EXPECT_EQ(path.error().kind, ErrorKind::access_denied);
        EXPECT_THAT(path.error().message, HasSubstr("can be written by others"));
        EXPECT_THAT(path.error().message, HasSubstr("--spool"));
    }
    ASSERT_EQ(chmod(config.spool.c_str(), 0755), 0);
    EXPECT_TRUE(prepare_spool(config, Environment()));
}

TEST(SpoolPlace, a_directory_of_another_user_is_refused) {
    const TempDir dir;
    Config config = config_for("oss://photos");
    config.spool = dir / "other";
    ASSERT_EQ(mkdir(config.spool.c_str(), 0700), 0);
    if (chown(config.spool.c_str(), 12345, 12345) != 0)
        GTEST_SKIP() << "only root can give it away";
    EXPECT_THAT(prepare_spool(config, Environment()).error().message,
                HasSubstr("belongs to user 12345"));
}

TEST(SpoolPlace, what_cannot_be_a_directory_is_named) {
    const TempDir dir;
    Config config = config_for("oss://photos");
    config.spool = dir.write("file", "");
    EXPECT_THAT(prepare_spool(config, Environment()).error().message, HasSubstr("no directory"));
    config.spool = dir / "file/below";
    EXPECT_THAT(prepare_spool(config, Environment()).error().message,
                HasSubstr("cannot be made: Not a directory"));
}

// What xbucket doctor says of it.
TEST(SpoolPlace, is_examined_as_it_is_prepared_and_nothing_is_made) {
    const TempDir dir;
    const auto examined = [](const Config& config, const Environment& environment) {
        return examine_spool(config, *spool_path(config, environment, geteuid() == 0));
    };
    Config config = config_for("oss://photos");
    const Environment state(Variables{{"XDG_STATE_HOME", dir / "a/b"}});
    EXPECT_EQ(examined(config, state).value_or(""), dir.path());
    for (const char* spool : {"new", "new/", "missing/below", "shared", "file", "file/below"}) {
        config.spool = dir / spool;
        dir.write("file", "");
        mkdir((dir / "shared").c_str(), 0700);
        ASSERT_EQ(chmod((dir / "shared").c_str(), 0770), 0);
        const auto seen = examined(config, Environment());
        EXPECT_EQ(std::filesystem::exists(dir / "new"), false);
        const auto made = prepare_spool(config, Environment());
        EXPECT_EQ(seen.has_value(), made.has_value()) << spool;
        if (made) std::filesystem::remove(dir / "new");
    }
    config.spool = dir / "shared";
    EXPECT_THAT(examined(config, Environment()).error().message,
                HasSubstr("can be written by others"));
    config.spool = dir / "missing/below";
    EXPECT_THAT(examined(config, Environment()).error().message, HasSubstr("cannot be made in"));
}

TEST(SpoolPlace, kept_files_are_counted_without_their_notes) {
    const TempDir dir;
    EXPECT_EQ(count_kept_files(dir.path()), 0U);
    dir.write("recovery/20240101T000000Z-1", "content");
    dir.write("recovery/20240101T000000Z-1.json", "{}");
    EXPECT_EQ(count_kept_files(dir.path()), 1U);
}

}  // namespace
}  // namespace xbucket::app
