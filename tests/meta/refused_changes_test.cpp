// SPDX-FileCopyrightText: the xbucket authors
// Write-behind in trouble: services that refuse or fail, disks that are full, failures that are to
// be told. Nothing acknowledged is given up for what may pass.
#include "failure_list.h"
#include "meta/write_behind_fixture.h"

#include <csignal>
#include <sys/resource.h>

namespace xbucket::testing {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

Error refusal() { return Error(ErrorKind::access_denied, "injected"); }

// No file of this process can grow while it lives.
class FullDisk {
  public:
    FullDisk() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
        rlimit none = before_;
        none.rlim_cur = 1;
        EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
    }
    ~FullDisk() {
        EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int);
};

class WriteBehindCeph : public WriteBehindTest {
  protected:
    WriteBehindCeph() : WriteBehindTest(MemoryService::ceph()) {}
};

// ---- waiting in line ----

TEST_F(WriteBehindTest, a_key_that_is_being_uploaded_keeps_no_other_from_being_sent) {
    config.commit_delay = seconds(1);
    config.senders_max = 1;
    mount();
    put("a");
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    auto turn = engine->order().acquire(ObjectKey("a"));  // as a long upload does
    const auto deadline = std::chrono::steady_clock::now() + seconds(120);
    const auto wait_for = [&](const auto& condition) {
        while (!condition() && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        return condition();
    };
    for (const char* value : {"1", "2"}) {  // however often it comes up
        ASSERT_EQ(set("b", "user.x", value), std::nullopt);
        clock.advance(seconds(31));
        EXPECT_TRUE(wait_for([&] { return stored("b")["x"] == value; }));
    }
    // Whoever asks for it waits for the upload, and no longer.
    std::thread asks([&] { EXPECT_TRUE(engine->send_below("")); });
    turn.release();
    asks.join();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
}

TEST_F(WriteBehindTest, the_end_of_a_mount_waits_for_each_object_once) {
    config.commit_delay = seconds(1);
    config.senders_max = 1;
    mount();
    for (const char* key : {"a", "b", "c"}) put(key);
    for (const char* key : {"a", "b", "c"}) ASSERT_EQ(set(key, "user.x", "1"), std::nullopt);
    const auto gate = store.hold(StoreCall::head, "a");
    clock.advance(seconds(1));
    gate->wait_until_reached();
    store.fail(StoreCall::head, Error(ErrorKind::network, "injected")).always();
    for (int i = 0; i < 5; ++i) {
        clock.advance(seconds(31));
        std::this_thread::yield();
    }
    raw.clear_log();
    std::thread ends([&] { EXPECT_FALSE(engine->shutdown()); });
    gate->release();
    ends.join();
    // Once by the timer and once for the end of the mount, at most.
    EXPECT_LE(store.count(StoreCall::head), 2U * 3U + 3U);
    store.clear_faults();
}

// ---- access ----

TEST_F(WriteBehindTest, a_refusal_of_access_keeps_the_change_waiting_for_a_mount_that_may) {
    put("a");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.fail(StoreCall::copy, refusal()).always();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(flush("a"), ErrorKind::access_denied);
        clock.advance(seconds(31));
    }
    EXPECT_EQ(engine->take_failure(ObjectKey("a")).error().kind, ErrorKind::access_denied)
        << "as close asks";
    EXPECT_EQ(engine->flush_below("").error().kind, ErrorKind::access_denied);
    EXPECT_EQ(failures(), "[]");
    EXPECT_EQ(get("a", "user.x"), "1");
    EXPECT_EQ(engine->shutdown().error().kind, ErrorKind::access_denied);
    store.clear_faults();
    mount();
    wait_until_sent();
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_TRUE(engine->take_failure(ObjectKey("a")));
}

TEST_F(WriteBehindTest, a_full_service_keeps_changes_waiting_until_there_is_room) {
    put("a");
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.fail(StoreCall::copy, Error(ErrorKind::no_space, "injected")).on("a").always();
    EXPECT_EQ(flush("a"), ErrorKind::no_space);
    clock.advance(seconds(31));
    // That there is room for others says nothing of this one.
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    EXPECT_EQ(flush("b"), std::nullopt);
    clock.advance(seconds(31));
    EXPECT_EQ(flush("a"), ErrorKind::no_space);
    EXPECT_EQ(flush("a"), ErrorKind::no_space);
    EXPECT_EQ(engine->take_failure(ObjectKey("a")).error().kind, ErrorKind::no_space)
        << "as close asks";
    EXPECT_EQ(failures(), "[]");
    EXPECT_EQ(get("a", "user.x"), "1");
    store.clear_faults();
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "1");
    EXPECT_TRUE(engine->take_failure(ObjectKey("a")));
}

TEST_F(WriteBehindTest, a_refusal_of_one_object_while_others_are_accepted_is_a_failure) {
    put("a");
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    EXPECT_EQ(flush("b"), std::nullopt);  // before it says nothing of what comes
    store.fail(StoreCall::copy, refusal()).on("a").always();
    EXPECT_EQ(flush("a"), ErrorKind::access_denied);
    clock.advance(seconds(1));
    EXPECT_EQ(flush("a"), ErrorKind::access_denied);
    ASSERT_EQ(set("b", "user.x", "2"), std::nullopt);
    EXPECT_EQ(flush("b"), std::nullopt);
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_THAT(failures(), HasSubstr("injected"));
    EXPECT_EQ(get("a", "user.x"), std::nullopt);
    EXPECT_EQ(flush("a"), std::nullopt);
}

// ---- what may be asked too much ----

TEST_F(WriteBehindTest, a_failure_of_a_service_that_is_known_gives_nothing_up) {
    const std::string name = "user." + std::string(100, 'n');
    put("a");
    ASSERT_EQ(set("a", name, "1"), std::nullopt);
    store.fail(StoreCall::copy, Error(ErrorKind::server_error, "injected"));
    EXPECT_EQ(flush("a"), ErrorKind::server_error);
    EXPECT_EQ(failures(), "[]");
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(get("a", name), "1");
    EXPECT_EQ(stored("a").size(), 1U);
}

TEST_F(WriteBehindCeph, only_what_fails_alone_and_again_is_taken_for_too_much) {
    const std::string name = "user." + std::string(150, 'n');
    put("a");
    ASSERT_EQ(set("a", name, "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.good", "1"), std::nullopt);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(flush("a"), ErrorKind::server_error);
    EXPECT_EQ(stored("a"), (UserMetadata{{"good", "1"}}));
    EXPECT_THAT(journal(), HasSubstr("\"changes\":1,\"failures\":0"));
    clock.advance(seconds(61));
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_THAT(failures(), HasSubstr("use fewer or shorter"));
    EXPECT_EQ(flush("a"), std::nullopt);
}

TEST_F(WriteBehindCeph, what_waits_and_fails_takes_no_change_along_that_is_sent_at_once) {
    const std::string name = "user." + std::string(150, 'n');
    put("a");
    ASSERT_EQ(set("a", name, "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.object.storage-class", "STANDARD_IA"), std::nullopt);
    EXPECT_EQ(get("a", "user.object.storage-class"), "STANDARD_IA");
    EXPECT_THAT(journal(), HasSubstr("\"changes\":1,\"failures\":0"));
}

TEST_F(WriteBehindTest, a_change_that_is_refused_takes_no_other_along) {
    put("a");
    ASSERT_EQ(set("a", "user.bad", "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.good", "1"), std::nullopt);
    // Both together, then the first one alone.
    store.fail(StoreCall::copy, Error(ErrorKind::invalid_argument, "injected")).repeat(2);
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_EQ(stored("a"), (UserMetadata{{"good", "1"}}));
    EXPECT_THAT(failures(), HasSubstr(R"("name":"user.bad")"));
    EXPECT_THAT(failures(), Not(HasSubstr("user.good")));
}

TEST_F(WriteBehindTest, a_service_that_goes_away_in_between_gives_nothing_up) {
    put("a");
    ASSERT_EQ(set("a", "user.bad", "1"), std::nullopt);
    ASSERT_EQ(set("a", "user.good", "1"), std::nullopt);
    store.fail(StoreCall::copy, Error(ErrorKind::invalid_argument, "injected"));
    store.fail(StoreCall::copy, refusal()).nth(2);
    EXPECT_EQ(flush("a"), ErrorKind::access_denied);
    EXPECT_EQ(failures(), "[]");
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").size(), 2U);
}

// ---- who was first ----

TEST_F(WriteBehindTest, a_change_after_anothers_edit_that_was_not_seen_yet_stands_on_it) {
    put("a", {.user = {{"x", "0"}}});
    EXPECT_EQ(get("a", "user.x"), "0");  // and remembered
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    clock.advance(seconds(5));
    raw.clear_log();
    ASSERT_EQ(set("a", "user.x", "mine"), std::nullopt);
    EXPECT_EQ(raw.count(), 0U);
    EXPECT_EQ(flush("a"), std::nullopt);
    EXPECT_EQ(stored("a").at("x"), "mine");
    EXPECT_EQ(failures(), "[]");
}

TEST_F(WriteBehindTest, a_change_that_may_be_older_than_anothers_edit_is_in_conflict) {
    put("a", {.user = {{"x", "0"}}});
    EXPECT_EQ(get("a", "user.x"), "0");
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    clock.advance(seconds(1));  // the clocks may differ by as much
    ASSERT_EQ(set("a", "user.x", "mine"), std::nullopt);
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_EQ(stored("a").at("x"), "theirs");
}

TEST_F(WriteBehindTest, a_value_that_was_never_sent_is_anothers_where_it_is_found) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    store.lose_reply(StoreCall::copy);
    store.fail(StoreCall::head, Error(ErrorKind::network, "injected")).nth(2).always();
    EXPECT_NE(flush("a"), std::nullopt);
    store.clear_faults();
    ASSERT_EQ(set("a", "user.x", "2"), std::nullopt);
    ASSERT_EQ(set("a", "user.x", "3"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "2"));
    EXPECT_EQ(flush("a"), ErrorKind::io);
    EXPECT_EQ(stored("a").at("x"), "2");
}

// ---- a full disk ----

TEST_F(WriteBehindTest, what_the_journal_cannot_forget_undoes_nothing_that_is_acknowledged) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    {
        const FullDisk full;
        EXPECT_EQ(flush("a"), std::nullopt);
        EXPECT_EQ(stored("a").at("x"), "1");
        EXPECT_EQ(set("a", "user.x", "0"), ErrorKind::io);
        EXPECT_EQ(stored("a").at("x"), "1");
        EXPECT_EQ(set("a", "user.y", "1"), std::nullopt) << "sent at once";
    }
    ASSERT_EQ(set("a", "user.object.storage-class", "IA"), std::nullopt);
    ASSERT_EQ(set("a", "user.x", "0"), std::nullopt);
    EXPECT_EQ(flush("a"), std::nullopt);
    crash();
    mount();
    EXPECT_THAT(journal(), HasSubstr("\"changes\":0,\"failures\":0"));
    EXPECT_EQ(stored("a").at("x"), "0");
}

TEST_F(WriteBehindTest, a_value_on_top_of_what_the_journal_cannot_forget_is_not_acknowledged) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    const FullDisk full;
    EXPECT_EQ(set("a", "user.x", "2"), ErrorKind::io);
}

TEST_F(WriteBehindTest, what_the_disk_did_not_take_is_written_at_the_end) {
    put("a", {.user = {{"x", "0"}}});
    put("b", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("b", "x", "theirs"));
    {
        const FullDisk full;
        EXPECT_FALSE(engine->flush_below(""));
    }
    EXPECT_TRUE(engine->shutdown());
    mount();
    EXPECT_THAT(journal(), HasSubstr("\"changes\":0,\"failures\":1"));
    ASSERT_EQ(set("", "user.xbucket.failures", std::nullopt), std::nullopt);
    EXPECT_TRUE(engine->shutdown());
    EXPECT_EQ(files_in_journal(), 0U);
}

// ---- failures ----

TEST(FailureLists, drop_only_what_was_told) {
    FailureList list;
    for (int64_t id = 1; id <= 4; ++id) {
        PendingFailure failure;
        failure.id = id;
        failure.key = ObjectKey("a");
        list.add(failure);
    }
    list.tell(2);
    list.tell(3);
    EXPECT_THAT(list.drop_told(3), ElementsAre(2));
    EXPECT_THAT(list.drop_told(1), ElementsAre(3));
    EXPECT_THAT(list.drop_told(1), IsEmpty());
    EXPECT_THAT(list.of(ObjectKey("a"), FailureScope::key), ElementsAre(1, 4));
    EXPECT_EQ(list.untold(), 2U);
}

TEST(FailureLists, know_keys_and_what_lies_below_them) {
    FailureList list;
    int64_t id = 0;
    for (const char* key : {"d/b", "d", "d/a", "e"}) {
        PendingFailure failure;
        failure.id = ++id;
        failure.key = ObjectKey(key);
        list.add(failure);
    }
    EXPECT_THAT(list.of(ObjectKey("d"), FailureScope::key), ElementsAre(2));
    EXPECT_THAT(list.of(ObjectKey("d/"), FailureScope::prefix), ElementsAre(1, 3));
    list.move(1, ObjectKey("e"));
    EXPECT_THAT(list.of(ObjectKey("d/"), FailureScope::prefix), ElementsAre(3));
    EXPECT_THAT(list.of(ObjectKey("e"), FailureScope::key), ElementsAre(1, 4));
}

TEST_F(WriteBehindTest, failures_that_are_to_be_told_take_the_place_of_changes) {
    config.journal_changes_max = 1;
    mount();
    put("a", {.user = {{"x", "0"}}});
    put("b");
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    send();
    ASSERT_EQ(set("b", "user.x", "1"), std::nullopt);
    EXPECT_EQ(stored("b").at("x"), "1");
    EXPECT_FALSE(engine->take_failure(ObjectKey("a")));
    ASSERT_EQ(set("b", "user.x", "2"), std::nullopt);
    EXPECT_EQ(stored("b").at("x"), "1");
}

TEST_F(WriteBehindTest, a_conflict_stays_to_be_told_where_something_else_is_the_error) {
    put("d/a", {.user = {{"x", "0"}}});
    put("d/b");
    ASSERT_EQ(set("d/a", "user.x", "1"), std::nullopt);
    ASSERT_EQ(set("d/b", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("d/a", "x", "theirs"));
    store.fail(StoreCall::head, Error(ErrorKind::network, "injected")).on("d/b").always();
    EXPECT_EQ(engine->flush_below("d/").error().kind, ErrorKind::network);
    store.clear_faults();
    EXPECT_EQ(engine->flush_below("d/").error().kind, ErrorKind::io);
    EXPECT_TRUE(engine->flush_below("d/"));
}

TEST_F(WriteBehindTest, a_conflict_at_the_end_of_a_mount_is_told_on_the_next_one) {
    put("a", {.user = {{"x", "0"}}});
    ASSERT_EQ(set("a", "user.x", "1"), std::nullopt);
    ASSERT_NO_FATAL_FAILURE(edit_rudely("a", "x", "theirs"));
    EXPECT_EQ(engine->shutdown().error().kind, ErrorKind::io);
    mount();
    EXPECT_EQ(engine->take_failure(ObjectKey("a")).error().kind, ErrorKind::io);
    EXPECT_TRUE(engine->shutdown());
}

TEST_F(WriteBehindTest, failures_of_what_was_deleted_or_replaced_are_listed_and_told_to_nobody) {
    for (const char* key : {"a", "b", "c"}) put(key, {.user = {{"x", "0"}}});
    for (const char* key : {"a", "b"}) {
        ASSERT_EQ(set(key, "user.x", "mine"), std::nullopt);
        ASSERT_NO_FATAL_FAILURE(edit_rudely(key, "x", "theirs"));
    }
    send();
    {
        const auto turn = engine->order().acquire(ObjectKey("a"));
        ASSERT_TRUE(engine->remove(ObjectKey("a")));
    }
    put("a");
    EXPECT_TRUE(engine->take_failure(ObjectKey("a")));
    ASSERT_TRUE(rename("c", "b"));
    EXPECT_TRUE(engine->take_failure(ObjectKey("b")));
    EXPECT_THAT(failures("a") + failures("b"), HasSubstr(R"("reported":true)"));
    EXPECT_THAT(failures("b"), HasSubstr("mine"));
}

TEST_F(WriteBehindTest, failures_go_along_with_a_rename_and_stay_where_it_fails) {
    put("a", {.user = {{"x", "0"}}});
    put("b", {.user = {{"x", "0"}}});
    for (const char* key : {"a", "b"}) {
        ASSERT_EQ(set(key, "user.x", std::string("of ") + key), std::nullopt);
        ASSERT_NO_FATAL_FAILURE(edit_rudely(key, "x", "theirs"));
    }
    send();
    clock.advance(seconds(10));
    store.fail(StoreCall::remove, refusal());
    EXPECT_FALSE(rename("a", "b"));
    EXPECT_THAT(failures("a"), HasSubstr("of a"));
    EXPECT_THAT(failures("b"), Not(HasSubstr("of a")));
    EXPECT_FALSE(engine->take_failure(ObjectKey("b"))) << "it is still what it was";
    ASSERT_TRUE(rename("a", "b"));
    EXPECT_EQ(failures("a"), "[]");
    EXPECT_FALSE(engine->take_failure(ObjectKey("b"))) << "of what moved there";
}

}  // namespace
}  // namespace xbucket::testing
