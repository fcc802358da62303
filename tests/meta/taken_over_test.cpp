// SPDX-FileCopyrightText: the xbucket authors
// Journals of mounts that are gone: which are taken over, when, and what becomes of what several of
// them say of the same attribute.
#include "meta/write_behind_fixture.h"
#include "write_behind.h"

#include "xbucket/base/sqlite.h"
#include "xbucket/meta/left_journals.h"

#include <filesystem>
#include <fstream>

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
namespace stdfs = std::filesystem;

class TakenOverTest : public WriteBehindTest {
  protected:
    std::unique_ptr<MetaEngine> second() {
        auto made = make_meta_engine(config, other_store, clock).value();
        EXPECT_TRUE(made->start());
        return made;
    }
    // The journals as they are on disk now, for a mount that finds them again.
    void copy_journals(const std::string& name) {
        stdfs::copy(config.journal_directory, directory + "/" + name,
                    stdfs::copy_options::recursive);
    }
    void restore_journals(const std::string& name) {
        stdfs::copy(directory + "/" + name, config.journal_directory,
                    stdfs::copy_options::recursive | stdfs::copy_options::overwrite_existing);
    }
    static size_t count(const std::string& text, const std::string& part) {
        size_t n = 0;
        for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
            ++n;
        return n;
    }
};

TEST_F(TakenOverTest, a_journal_whose_mount_dies_later_is_sent_by_one_that_lives) {
    put("a", {.user = {{"x", "0"}}});
    put("b");
    auto dying = second();  // the old one, which still drains
    ASSERT_EQ(set(*dying, "a", "user.x", "1"), std::nullopt);
    for (const auto durability : {Durability::timed, Durability::on_return}) {
        config.durability = durability;
        const std::string value = durability == Durability::timed ? "1" : "2";
        mount();
        dying.reset();
        clock.advance(seconds(61));
        const auto deadline = std::chrono::steady_clock::now() + seconds(20);
        while (stored("a")["x"] != value && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        EXPECT_EQ(stored("a")["x"], value);
        wait_until_sent();
        EXPECT_THAT(left_journals(config.journal_directory), IsEmpty());
        config.durability = Durability::timed;
        dying = second();
        ASSERT_EQ(set(*dying, "a", "user.x", "2"), std::nullopt);
    }
    EXPECT_EQ(failures(), "[]");
}

TEST_F(TakenOverTest, a_change_of_a_mount_that_died_joins_what_waits_for_the_object) {
    put("a", {.user = {{"x", "0"}, {"y", "0"}}});
    auto dying = second();
    ASSERT_EQ(set("a", "user.x", "mine"), std::nullopt);
    clock.advance(seconds(1));
    ASSERT_EQ(set(*dying, "a", "user.y", "theirs"), std::nullopt);
    ASSERT_EQ(set(*dying, "a", "user.x", "later"), std::nullopt);
    dying.reset();
    clock.advance(seconds(61));
    wait_until_sent();
    EXPECT_EQ(stored("a"), (UserMetadata{{"x", "later"}, {"y", "theirs"}}));
    EXPECT_THAT(failures(), HasSubstr(R"("value":"mine","reason":"another mount of this machine)"));
}

TEST_F(TakenOverTest, what_is_found_twice_is_told_once) {
    put("a", {.user = {{"x", "0"}}});
    put("b", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    EXPECT_EQ(flush("a"), ErrorKind::io);
    copy_journals("twice");
    crash();
    // Killed between taking over and deleting: both files say the same.
    mount();
    crash();
    restore_journals("twice");
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("b").at("x"), "1");
    EXPECT_EQ(count(failures(), "\"key\""), 1U);
}

TEST_F(TakenOverTest, the_same_value_set_by_two_mounts_stands_on_what_either_found) {
    auto dying = second();
    for (const char* key : {"a", "b"}) {
        put(key, {.user = {{"x", "0"}}});
        ASSERT_EQ(set(key, "user.x", "v"), std::nullopt);
        ASSERT_NO_FATAL_FAILURE(edit_rudely(key, "x", "1"));
        clock.advance(seconds(10));
        ASSERT_EQ(set(*dying, key, "user.x", "v"), std::nullopt);
    }
    dying.reset();
    crash();
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "0"));
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "v");
    EXPECT_EQ(stored("b").at("x"), "v");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(TakenOverTest, journals_under_the_name_that_earlier_versions_used_are_found) {
    put("a");
    const std::string now = config.journal_directory;
    config.journal_directory = directory + "/older";
    mount();
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    crash();
    config.older_journals = {config.journal_directory};
    config.journal_directory = now;
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_THAT(left_journals(directory + "/older"), IsEmpty());
}

TEST_F(TakenOverTest, journals_of_the_earlier_format_are_read_and_those_of_a_later_one_left) {
    put("a", {.user = {{"x", "0"}}});
    put("b", {.user = {{"x", "0"}}});
    const auto write_old = [&](const char* name, const char* sql) {
        const std::string base = config.journal_directory + "/" + name;
        std::ofstream(base + ".lock").flush();
        auto connection = sqlite::Connection::open(base + ".db", sqlite::Survives::kill).value();
        ASSERT_TRUE(connection->execute(
            "CREATE TABLE changes(key BLOB NOT NULL, name BLOB NOT NULL, value BLOB,"
            " replaces BLOB NOT NULL, etag BLOB NOT NULL, size INTEGER NOT NULL, time INTEGER NOT "
            "NULL, PRIMARY KEY(key, name)) WITHOUT ROWID;"
            "CREATE TABLE failures(id INTEGER PRIMARY KEY, key BLOB NOT NULL, name BLOB NOT NULL,"
            " value BLOB, reason BLOB NOT NULL, time INTEGER NOT NULL, reported INTEGER NOT "
            "NULL);"));
        ASSERT_TRUE(connection->execute(sql));
    };
    write_old("00",
              "INSERT INTO changes VALUES(x'61', CAST('user.x' AS BLOB), x'31',"
              " CAST('1:0' AS BLOB), x'', 4, 1); PRAGMA user_version=1;");
    write_old("01",
              "INSERT INTO changes VALUES(x'62', CAST('user.x' AS BLOB), x'31',"
              " CAST('1:0' AS BLOB), x'', 4, 1); PRAGMA user_version=99;");
    const auto left = left_journals(config.journal_directory);
    ASSERT_THAT(left, SizeIs(2));
    EXPECT_EQ(left[0].changes, 1U);
    EXPECT_EQ(left[0].source, "");
    EXPECT_THAT(left[1].unreadable, HasSubstr("a later version"));
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_EQ(stored("b").at("x"), "0");
    EXPECT_THAT(left_journals(config.journal_directory), SizeIs(1));
}

// In a directory that several sources share, each has one of its own below it.
TEST_F(TakenOverTest, the_journals_of_several_sources_are_named_and_each_is_left_to_its_own) {
    put("a");
    const std::string shared = config.journal_directory;
    for (const char* source : {"s3://one", "s3://two"}) {
        config.journal_directory = shared + "/" + (source + 5);
        config.journal_source = source;
        mount();
        ASSERT_EQ(set("a", "user." + std::string(source + 5), "1"), std::nullopt);
        crash();
    }
    auto left = left_journals(shared);
    ASSERT_THAT(left, SizeIs(2));
    EXPECT_EQ(left[0].source, "s3://one");
    EXPECT_EQ(left[1].source, "s3://two");
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a"), (UserMetadata{{"two", "1"}}));
    left = left_journals(shared);
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].source, "s3://one");
}

TEST_F(TakenOverTest, what_was_sent_is_off_the_disk_a_second_later_and_when_somebody_asks) {
    config.journal_survives_power_loss = true;
    const AttributeModel model(raw.traits());
    WriteBehind behind(config, model, clock);
    ASSERT_TRUE(behind.start());
    const ObjectKey key("a");
    put("a");
    const ObjectInfo info = raw.head(key).value().info;
    const auto send = [&] {
        AttrChange change;
        change.name = AttrName::parse("user.x").value();
        change.value = "1";
        ASSERT_TRUE(behind.keep(key, change, info, std::nullopt));
        EXPECT_FALSE(behind.is_unsynced()) << "it was acknowledged";
        JournaledSend sent{behind.pending(key), {PendingResult{}}};
        EXPECT_EQ(behind.settle(key, sent), std::nullopt);
        EXPECT_TRUE(behind.is_unsynced());
    };
    ASSERT_NO_FATAL_FAILURE(send());
    EXPECT_LE(behind.next_due(), clock.now() + seconds(1));
    behind.do_chores();
    EXPECT_TRUE(behind.is_unsynced()) << "more may follow";
    clock.advance(seconds(1));
    behind.do_chores();
    EXPECT_FALSE(behind.is_unsynced());
    EXPECT_GT(behind.next_due(), clock.now() + seconds(1));
    ASSERT_NO_FATAL_FAILURE(send());
    behind.sync_erased();
    EXPECT_FALSE(behind.is_unsynced());
    behind.stop();
    EXPECT_THAT(left_journals(config.journal_directory), IsEmpty());
}

}  // namespace
}  // namespace xbucket::testing
