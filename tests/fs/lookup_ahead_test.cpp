// SPDX-FileCopyrightText: the xbucket authors
// Goal: a program that looks up many names of a directory that nobody listed waits for a few of
// them only. Method: a file system over a memory store, requests counted.
#include "fs_fixture.h"

#include <thread>

namespace xbucket {
namespace {

using std::chrono::seconds;
using testing::StoreCall;

class LookupAheadTest : public FsTest {
  protected:
    static std::string name(size_t i) { return "d/f" + std::to_string(1000 + i); }
    void put_files(size_t count) {
        for (size_t i = 0; i < count; ++i)
            put(name(i), "body", {.user = {{"mode", "33152"}}});  // 0600
        clock_.advance(seconds(10));
        look_up("d").value();
        store_.clear_log();
    }
    // A page of the directory, not the probe for keys below one name.
    void wait_for_listing() {
        const auto listed = [&] {
            for (const auto& request : store_.log())
                if (request.call == StoreCall::list && request.key == ObjectKey("d/")) return true;
            return false;
        };
        while (!listed()) std::this_thread::yield();
        // Its names arrive a moment later.
        while (store_.count(StoreCall::list) == 0) std::this_thread::yield();
    }
    // The listing is complete a moment after its last page is known: when it answers for names that
    // are not there.
    void wait_until_complete(size_t last) {
        while (meta_->knowledge(ObjectKey(name(last))) == Knowledge::nothing)
            std::this_thread::yield();
        size_t before = 0;
        do {
            before = store_.count(StoreCall::head);
            EXPECT_FALSE(look_up("d/other" + std::to_string(before)));
        } while (store_.count(StoreCall::head) != before);
    }
};

TEST_F(LookupAheadTest, several_lookups_have_the_directory_listed_and_the_rest_cost_nothing) {
    put_files(100);
    for (size_t i = 0; i < 3; ++i) look_up(name(i)).value();
    wait_for_listing();
    while (meta_->knowledge(ObjectKey(name(99))) == Knowledge::nothing) std::this_thread::yield();
    // The pages are told to the cache of names right after meta.
    for (size_t i = 3; i < 100; ++i) look_up(name(i)).value();
    unmount();
    EXPECT_LE(store_.count(StoreCall::head), 6U);
}

TEST_F(LookupAheadTest, two_lookups_have_nothing_listed) {
    put_files(10);
    for (size_t i = 0; i < 2; ++i) look_up(name(i)).value();
    clock_.advance(seconds(20));
    for (size_t i = 2; i < 4; ++i) look_up(name(i)).value();
    unmount();
    for (const auto& request : store_.log()) EXPECT_NE(request.key, ObjectKey("d/"));
}

TEST_F(LookupAheadTest, lookups_of_names_that_are_not_there_are_answered_by_the_listing) {
    put_files(10);
    for (size_t i = 0; i < 8; ++i) EXPECT_FALSE(look_up("d/none" + std::to_string(i)));
    wait_for_listing();
    wait_until_complete(9);
}

TEST_F(LookupAheadTest, an_object_put_by_another_client_is_found_after_a_listing_nobody_asked_for) {
    put_files(10);
    for (size_t i = 0; i < 3; ++i) look_up(name(i)).value();
    wait_for_listing();
    while (meta_->knowledge(ObjectKey(name(9))) == Knowledge::nothing) std::this_thread::yield();
    for (size_t i = 0; i < 50; ++i) {  // the listing is complete after some
        const std::string late = "d/late" + std::to_string(i);
        put(late, "body");
        EXPECT_TRUE(look_up(late)) << late;
    }
}

TEST_F(LookupAheadTest, with_stat_meta_the_attributes_of_what_comes_are_fetched_ahead) {
    FsConfig config = config_;
    config.stat_mode = StatMode::meta;
    mount(config);
    put_files(100);
    for (size_t i = 0; i < 3; ++i) look_up(name(i)).value();
    wait_until_complete(99);
    for (size_t i = 3; i < 100; ++i) EXPECT_EQ(look_up(name(i))->attr.mode & 0777U, 0600U);
    unmount();
    size_t ahead = 0;
    for (const auto& request : store_.log())
        if (request.call == StoreCall::head && request.request_class == RequestClass::prefetch)
            ++ahead;
    EXPECT_GE(ahead, 80U);
}

}  // namespace
}  // namespace xbucket
