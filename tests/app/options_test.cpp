// SPDX-FileCopyrightText: the xbucket authors
#include "options.h"

#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace xbucket::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using xbucket::testing::TempDir;

const std::vector<std::string> kBase = {"oss://examplebucket", "/mnt"};

// Nothing of the real machine: HOME is a folder without files.
Environment environment_of(std::map<std::string, std::string> values = {}) {
    values.emplace("HOME", "/nonexistent");
    return Environment(values);
}

Result<ParsedCommand> parse(std::vector<std::string> more,
                            const Environment& environment = environment_of(),
                            bool helper = false) {
    more.insert(more.begin(), kBase.begin(), kBase.end());
    return parse_mount_command(more, environment, helper);
}

std::string refusal(std::vector<std::string> more,
                    const Environment& environment = environment_of()) {
    const auto parsed = parse(std::move(more), environment);
    return parsed ? "" : parsed.error().message;
}

TEST(Settings, every_name_is_unique_and_every_setting_explained) {
    std::set<std::string_view> names;
    for (const Setting& setting : settings()) {
        EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
        EXPECT_EQ(setting.name.find('_'), std::string_view::npos) << setting.name;
        EXPECT_FALSE(setting.help.empty()) << setting.name;
        EXPECT_THAT(help_text(), HasSubstr(std::string("--") + std::string(setting.name)));
    }
}

TEST(Settings, are_found_in_either_spelling) {
    EXPECT_EQ(find_setting("file_mode"), find_setting("file-mode"));
    EXPECT_NE(find_setting("file_mode"), nullptr);
    EXPECT_EQ(find_setting("filemode"), nullptr);
}

TEST(SplitMountOptions, commas_split_unless_escaped) {
    EXPECT_THAT(split_mount_options("ro,uid=5,,x=a\\,b,"), ElementsAre("ro", "uid=5", "x=a,b"));
    EXPECT_THAT(split_mount_options(""), ElementsAre());
}

TEST(ParseMountCommand, defaults_are_those_of_the_struct) {
    const auto parsed = parse({});
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->action, ParsedCommand::Action::mount);
    EXPECT_EQ(parsed->config.source_text, "oss://examplebucket");
    EXPECT_EQ(parsed->config.source.bucket, "examplebucket");
    EXPECT_EQ(parsed->config.mountpoint, "/mnt");
    EXPECT_EQ(parsed->config.ttl, Config{}.ttl);
    EXPECT_FALSE(parsed->config.read_only);
    EXPECT_FALSE(parsed->config.uid);
}

TEST(ParseMountCommand, long_options_and_mount_options_mean_the_same) {
    const auto lines = parse({"--ro",
                              "--uid=7",
                              "--gid",
                              "8",
                              "--file-mode=0600",
                              "--dir_mode=0700",
                              "--umask=022",
                              "--ttl=5m",
                              "--negative-ttl=1s",
                              "--cache-size=128M",
                              "--stat=meta",
                              "--links=inside",
                              "--list=all",
                              "--verify=always",
                              "--preserve=strict",
                              "--allow-other",
                              "--addressing=path",
                              "--signature=v1",
                              "--requester-pays",
                              "--endpoint=https://h",
                              "--region=r"});
    const auto commas = parse(
        {"-o", "ro,uid=7,gid=8,file_mode=0600,dir-mode=0700,umask=022,ttl=5m", "-o",
         "negative_ttl=1s,cache_size=128M,stat=meta,links=inside,list=all,verify=always,preserve="
         "strict",
         "-oallow_other,addressing=path,signature=v1,requester_pays,endpoint=https://h,region=r"});
    ASSERT_TRUE(lines) << lines.error().message;
    ASSERT_TRUE(commas) << commas.error().message;
    for (const Config* config : {&lines->config, &commas->config}) {
        EXPECT_TRUE(config->read_only);
        EXPECT_EQ(config->uid, 7U);
        EXPECT_EQ(config->gid, 8U);
        EXPECT_EQ(config->file_mode, 0600U);
        EXPECT_EQ(config->dir_mode, 0700U);
        EXPECT_EQ(config->umask, 022U);
        EXPECT_EQ(config->ttl, minutes(5));
        EXPECT_EQ(config->negative_ttl, seconds(1));
        EXPECT_EQ(config->cache_bytes, 128U << 20);
        EXPECT_EQ(config->stat_mode, StatMode::meta);
        EXPECT_EQ(config->links, LinkPolicy::inside);
        EXPECT_TRUE(config->list_all);
        EXPECT_EQ(config->verify, VerifyPolicy::always);
        EXPECT_EQ(config->preserve, PreservePolicy::strict);
        EXPECT_TRUE(config->allow_other);
        EXPECT_EQ(config->addressing, AddressingStyle::path);
        EXPECT_EQ(config->signature, SignatureVersion::v1);
        EXPECT_TRUE(config->requester_pays);
        EXPECT_EQ(config->endpoint, "https://h");
        EXPECT_EQ(config->region, "r");
    }
}

TEST(ParseMountCommand, of_two_settings_the_last_wins_whichever_way_they_are_written) {
    EXPECT_EQ(parse({"--ttl=10", "-o", "ttl=20"})->config.ttl, seconds(20));
    EXPECT_EQ(parse({"-o", "ttl=20", "--ttl=10"})->config.ttl, seconds(10));
    EXPECT_FALSE(parse({"--ro", "--ro=no"})->config.read_only);
}

TEST(ParseMountCommand, options_may_stand_before_the_source) {
    const auto parsed =
        parse_mount_command({"-o", "ro", "--ttl", "9", "s3://b11", "/m"}, environment_of());
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->config.source.dialect, DialectKind::s3);
    EXPECT_EQ(parsed->config.mountpoint, "/m");
}

TEST(ParseMountCommand, fstab_noise_is_taken_and_kernel_options_are_passed_on) {
    const auto parsed = parse({"-o",
                               "rw,noauto,user,nofail,_netdev,x-systemd.automount,X-foo=1,"
                               "comment=z,defaults,suid,dev,exec,nosuid,noatime"});
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_FALSE(parsed->config.read_only);
    EXPECT_THAT(parsed->config.kernel_options, ElementsAre("nosuid", "noatime"));
}

TEST(ParseMountCommand, rw_from_mount_8_does_not_undo_ro_of_the_file) {
    const TempDir dir;
    const std::string file = dir.write("c", "ro = yes\n");
    EXPECT_TRUE(parse({"--config", file, "-o", "rw"})->config.read_only);
}

TEST(ParseMountCommand, short_ttl_needs_no_word_about_names_that_do_not_exist) {
    const auto none = parse({"-o", "ttl=0"});
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_EQ(none->config.negative_life(), seconds(0));
    EXPECT_EQ(parse({"--ttl=1"})->config.negative_life(), seconds(1));
    EXPECT_EQ(parse({"--ttl=1h"})->config.negative_life(), seconds(5));
    EXPECT_EQ(parse({"--ttl=2", "--negative-ttl=1"})->config.negative_life(), seconds(1));
    EXPECT_THAT(parse({"--ttl=1", "--negative-ttl=2"}).error().message, HasSubstr("negative_ttl"));
}

TEST(ParseMountCommand, precedence_is_command_line_environment_file_default) {
    const TempDir dir;
    const std::string file = dir.write("c", "ttl = 11\nnegative_ttl = 2\nregion = from-file\n");
    const Environment environment =
        environment_of({{"XBUCKET_TTL", "22"}, {"XBUCKET_NEGATIVE_TTL", "3"}});
    const auto parsed = parse({"--config=" + file, "--ttl=33"}, environment);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->config.ttl, seconds(33));
    EXPECT_EQ(parsed->config.negative_ttl, seconds(3));
    EXPECT_EQ(parsed->config.region, "from-file");
    EXPECT_EQ(parsed->config.cache_bytes, Config{}.cache_bytes);
}

TEST(ParseMountCommand, file_of_the_home_is_found_and_sections_are_for_their_source) {
    const TempDir home;
    home.write(".config/xbucket/xbucket.conf",
               "ttl = 7\n[oss://examplebucket]\nttl = 8\n[s3://other]\nttl = 9\nregion = no\n");
    const auto parsed = parse({}, environment_of({{"HOME", home.path()}}));
    ASSERT_TRUE(parsed);
    // environment_of() keeps the given HOME: emplace() does not overwrite.
    EXPECT_EQ(parsed->config.ttl, seconds(8));
    EXPECT_EQ(parsed->config.region, "");
}

TEST(ParseMountCommand, named_file_must_exist_and_be_trustworthy) {
    const TempDir dir;
    EXPECT_THAT(refusal({"--config", dir / "none"}), HasSubstr("does not exist"));
    EXPECT_THAT(refusal({"--config", dir.write("c", "ro=1\n", 0666)}), HasSubstr("chmod"));
    EXPECT_THAT(refusal({"--config", dir.write("c", "nope = 1\n")}), HasSubstr("line 1"));
    EXPECT_THAT(refusal({"--config", dir.write("c", "[weird]\nro = 1\n")}), HasSubstr("[weird]"));
}

// The file names a key for every day; the command line another for once.
TEST(ParseMountCommand, choice_of_a_key_replaces_the_whole_choice_of_what_it_wins_over) {
    const TempDir dir;
    const auto with = [&dir](const std::string& lines, std::vector<std::string> more) {
        more.push_back("--config=" + dir.write("c", "[oss://examplebucket]\n" + lines));
        auto parsed = parse(std::move(more));
        EXPECT_TRUE(parsed) << lines << parsed.error().message;
        return parsed ? parsed->config : Config();
    };
    Config config = with("credentials = ecs\n", {"--credentials-file=/k"});
    EXPECT_EQ(config.credentials, "");
    EXPECT_EQ(config.credentials_file, "/k");
    EXPECT_EQ(config.given.count("credentials"), 0U);
    config = with("credentials-file = /k\nprofile = dev\n", {"--credentials=aws"});
    EXPECT_EQ(config.credentials_file, "");
    EXPECT_EQ(config.credentials, "aws");
    EXPECT_EQ(config.profile, "dev") << "which section of them is another question";
    config = with("credentials-file = /k\nprofile = dev\n", {"--anonymous"});
    EXPECT_TRUE(config.anonymous);
    EXPECT_EQ(config.credentials_file + config.profile, "");
    config = with("anonymous = yes\n", {"--profile=dev"});
    EXPECT_FALSE(config.anonymous);
    config = with("credentials = aws:prod\n", {"--profile=dev"});
    EXPECT_EQ(config.credentials, "") << "signs as another than the one that was named last";
    config = with("profile = dev\n", {"--credentials=ecs"});
    EXPECT_EQ(config.profile, "");
    config = with("profile = dev\n", {"--anonymous=no"});
    EXPECT_EQ(config.profile, "dev");
}

TEST(ParseMountCommand, choice_of_a_key_in_a_section_replaces_that_of_all_mounts) {
    const TempDir dir;
    const std::string file =
        dir.write("c", "credentials = ecs\n[oss://examplebucket]\ncredentials-file = /k\n");
    const auto parsed = parse({"--config=" + file});
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->config.credentials, "");
    EXPECT_EQ(parsed->config.credentials_file, "/k");
}

TEST(ParseMountCommand, profile_beside_a_source_that_says_it_all_is_no_silent_nothing) {
    EXPECT_THAT(refusal({"--profile=dev", "--credentials=aws:prod"}),
                HasSubstr("--profile=dev means nothing beside --credentials=aws:prod"));
    EXPECT_THAT(refusal({"--profile=dev", "--credentials=ecs"}), HasSubstr("leave one out"));
    for (const char* spec : {"aws", "ossutil", "file:/k", "role:acs:ram::1:role/r"}) {
        EXPECT_EQ(refusal({"--profile=dev", fmt::format("--credentials={}", spec)}), "") << spec;
    }
}

TEST(ParseMountCommand, line_for_every_mount_is_passed_over_where_it_means_nothing) {
    const TempDir dir;
    const std::string file = dir.write(
        "c", "endpoint = https://h\ncredentials = ecs\ndialect = s3\nsignature = v1\nttl = 7\n");
    const auto environment =
        environment_of({{"XBUCKET_CONFIG", file}, {"XBUCKET_CREDENTIALS_FILE", "/k"}});
    const auto local = parse_mount_command({"local:/d", "/m"}, environment);
    ASSERT_TRUE(local) << local.error().message;
    EXPECT_EQ(local->config.endpoint, "");
    EXPECT_EQ(local->config.source.dialect, DialectKind::s3);
    EXPECT_EQ(local->config.ttl, seconds(7));
    const auto oss = parse_mount_command({"oss://bkt", "/m"}, environment);
    ASSERT_TRUE(oss) << oss.error().message;
    EXPECT_EQ(oss->config.signature, SignatureVersion::v1);
    EXPECT_TRUE(parse_mount_command({"s3://bkt", "/m"}, environment));
    // What is said for this one alone is not.
    EXPECT_FALSE(parse_mount_command({"local:/d", "/m", "--credentials=ecs"}, environment_of()));
    const std::string own = dir.write("own", "[local:/d]\nendpoint = https://h\n");
    EXPECT_FALSE(parse_mount_command({"local:/d", "/m", "--config=" + own}, environment_of()));
}

TEST(ParseMountCommand, bad_values_say_where_they_came_from) {
    const TempDir dir;
    EXPECT_THAT(refusal({"--ttl=soon"}), HasSubstr("--ttl: 'soon' is no duration"));
    EXPECT_THAT(refusal({}, environment_of({{"XBUCKET_STAT", "x"}})),
                HasSubstr("XBUCKET_STAT: 'x'"));
    const std::string file = dir.write("c", "\nuid = me\n");
    EXPECT_THAT(refusal({"--config", file}), HasSubstr(file + " line 2: 'me'"));
}

TEST(ParseMountCommand, unknown_options_and_missing_values_are_refused) {
    EXPECT_THAT(refusal({"--no-such"}), HasSubstr("--no-such"));
    EXPECT_THAT(refusal({"-o", "no_such=1"}), HasSubstr("'no_such'"));
    EXPECT_THAT(refusal({"-o", "ttl"}), HasSubstr("needs a value"));
    EXPECT_THAT(refusal({"-o"}), HasSubstr("-o needs"));
    EXPECT_THAT(refusal({"-o", "remount,ro"}), HasSubstr("remount"));
    EXPECT_NE(refusal({"third"}), "");
    EXPECT_THAT(refusal({"--verify=maybe"}), HasSubstr("first, always, never"));
}

TEST(ParseMountCommand, nothing_or_no_mountpoint_is_explained) {
    EXPECT_THAT(parse_mount_command({}, environment_of()).error().message, HasSubstr("SOURCE"));
    EXPECT_THAT(parse_mount_command({"oss://abc"}, environment_of()).error().message,
                HasSubstr("mount point"));
}

TEST(ParseMountCommand, commit_takes_a_time_and_is_refused_on_a_read_only_mount) {
    const auto parsed = parse({"-o", "commit=500ms,journal_changes=7"});
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->config.commit, std::chrono::milliseconds(500));
    EXPECT_EQ(parsed->config.journal_changes, 7U);
    EXPECT_THAT(refusal({"-o", "commit=5,ro"}), HasSubstr("read-only"));
    EXPECT_THAT(refusal({"-o", "commit=1d"}), HasSubstr("above one hour"));
    EXPECT_NE(refusal({"-o", "commit=soon"}), "");
}

TEST(ParseMountCommand, dialect_belongs_to_local_sources) {
    const auto local =
        parse_mount_command({"local:/d", "/m", "-o", "dialect=s3"}, environment_of());
    ASSERT_TRUE(local) << local.error().message;
    EXPECT_EQ(local->config.source.dialect, DialectKind::s3);
    EXPECT_THAT(refusal({"-o", "dialect=s3"}), HasSubstr("local:"));
    EXPECT_EQ(refusal({"-o", "dialect=oss"}), "");
}

TEST(ParseMountCommand, debug_implies_foreground_and_the_debug_level) {
    const auto parsed = parse({"-d"});
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->config.foreground);
    EXPECT_EQ(parsed->config.log_levels.base, LogLevel::debug);
    EXPECT_TRUE(parse({"-f"})->config.foreground);
}

TEST(ParseMountCommand, called_by_mount_8_its_flags_are_understood) {
    const auto parsed = parse({"-n", "-s", "-v", "-o", "rw,ro"}, environment_of(), true);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_TRUE(parsed->config.read_only);
    EXPECT_FALSE(parsed->config.foreground);
    EXPECT_EQ(parse({"-f"}, environment_of(), true)->action, ParsedCommand::Action::nothing);
    EXPECT_FALSE(parse({"-n"}, environment_of(), false));
}

TEST(ParseMountCommand, help_and_version_need_no_source) {
    EXPECT_EQ(parse_mount_command({"--help"}, environment_of())->action,
              ParsedCommand::Action::help);
    EXPECT_EQ(parse_mount_command({"-V"}, environment_of())->action,
              ParsedCommand::Action::version);
    EXPECT_THAT(version_text(), HasSubstr("xbucket "));
}

TEST(HelpText, fits_100_columns_and_shows_examples) {
    const std::string text = help_text();
    EXPECT_THAT(text, HasSubstr("xbucket oss://photos"));
    EXPECT_THAT(text, HasSubstr("setfattr -n user.year"));
    EXPECT_THAT(text, HasSubstr("fuse.xbucket"));
    size_t begin = 0;
    while (begin < text.size()) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        EXPECT_LE(end - begin, 100U) << text.substr(begin, end - begin);
        begin = end + 1;
    }
}

TEST(Reread, the_file_that_was_found_is_read_again_whatever_the_words_are) {
    const TempDir dir;
    const std::string file = dir.write("found.conf", "uid = 77\n");
    const std::vector<std::vector<std::string>> lines = {
        {"oss://examplebucket", "/mnt"},
        {"--config=then.conf", "oss://examplebucket", "/mnt"},
        {"-c", "then.conf", "--", "oss://examplebucket", "/mnt"},
        {"oss://examplebucket", "/mnt", "-o", "ro", "--"},
    };
    for (const auto& words : lines) {
        const auto again =
            parse_mount_command(with_config_file(words, file), environment_of(), false);
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(again->config.config_file, file);
        EXPECT_EQ(again->config.mountpoint, "/mnt");
    }
    EXPECT_EQ(with_config_file(lines[0], ""), lines[0]);
}

}  // namespace
}  // namespace xbucket::app
