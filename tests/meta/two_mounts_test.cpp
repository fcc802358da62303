// SPDX-FileCopyrightText: the xbucket authors
// Whole engines on threads, against each other and against faults at every request of an update.
#include "meta/engine_fixture.h"

namespace xbucket::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TwoMounts : public EngineFixture {
  protected:
    static constexpr int kEdits = 500;
    static constexpr int kNames = 20;

    // Requests take time, so that runs of edits come to their end.
    void answer_after(Duration latency) {
        const auto wait = [this, latency](const LoggedRequest&) { clock.sleep_for(latency); };
        raw.set_hook(wait);
        other_memory.set_hook(wait);
    }
    static std::string name(const char* owner, int i) { return owner + std::to_string(i % kNames); }
    void edit_all(MetaEngine& by, const char* owner, std::atomic<int>& good) {
        for (int i = 0; i < kEdits; ++i) {
            const auto result = by.change_attribute(ObjectKey("a"), "user." + name(owner, i),
                                                    std::to_string(i), SetFlag::any);
            if (result)
                ++good;
            else
                ADD_FAILURE() << owner << i << ": " << result.error().describe();
        }
    }
};

class Latencies : public TwoMounts, public ::testing::WithParamInterface<int> {};

TEST_P(Latencies, five_hundred_edits_each_of_different_attributes_lose_none_and_neither_starves) {
    put("a", {.user = {{"year", "2021"}}});
    answer_after(milliseconds(GetParam()));
    clock.share_among(2);
    std::atomic<int> good{0};
    const auto edits = [&](MetaEngine& by, const char* owner) {
        edit_all(by, owner, good);
        clock.leave();
    };
    std::thread mine([&] { edits(*engine, "m"); });
    std::thread theirs([&] { edits(*other, "t"); });
    mine.join();
    theirs.join();
    EXPECT_EQ(good, 2 * kEdits);
    const UserMetadata user = stored("a");
    EXPECT_EQ(user.size(), 1U + 2 * kNames);
    for (const char* owner : {"m", "t"})
        for (int i = kEdits - kNames; i < kEdits; ++i)
            EXPECT_EQ(user.at(name(owner, i)), std::to_string(i));
    EXPECT_EQ(user.at("year"), "2021");
}

// Milliseconds a request: one run of 500 edits, several, and each edit a good part of a second.
INSTANTIATE_TEST_SUITE_P(TwoMounts, Latencies, ::testing::Values(5, 80, 400));

TEST_F(TwoMounts, many_threads_of_both_mounts_on_one_key) {
    put("a");
    answer_after(milliseconds(5));
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            MetaEngine& by = t % 2 == 0 ? *engine : *other;
            const std::string attribute = "user.t" + std::to_string(t);
            for (int i = 0; i < 25; ++i) {
                auto result =
                    by.change_attribute(ObjectKey("a"), attribute, std::to_string(i), SetFlag::any);
                // This clock's minute can pass before the other mount's thread runs at all.
                while (!result && result.error().kind == ErrorKind::conflict)
                    result = by.change_attribute(ObjectKey("a"), attribute, std::to_string(i),
                                                 SetFlag::any);
                good += result ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 200);
    for (int t = 0; t < 8; ++t) EXPECT_EQ(stored("a").at("t" + std::to_string(t)), "24");
}

enum class Trouble { refused, lost_reply, lost_request, late };

class EveryStep : public EngineFixture,
                  public ::testing::WithParamInterface<std::tuple<StoreCall, Trouble, int>> {};

TEST_P(EveryStep, the_change_is_there_or_its_failure_was_reported) {
    const auto [call, trouble, nth] = GetParam();
    put("a", {.user = {{"x", "1"}}, .acl = "public-read"});
    const auto n = static_cast<size_t>(nth);
    std::shared_ptr<LateRequests> late;
    if (trouble == Trouble::refused)
        store.fail(call, Error(ErrorKind::server_error, "injected")).nth(n);
    if (trouble == Trouble::lost_reply) store.lose_reply(call).nth(n);
    if (trouble == Trouble::lost_request) store.lose_request(call).nth(n);
    if (trouble == Trouble::late) late = store.apply_late(call, n);

    std::map<std::string, std::string> acknowledged;
    std::set<std::string> doubtful;
    for (int i = 0; i < 4; ++i) {
        const std::string name = "n" + std::to_string(i);
        const auto failure = set("a", "user." + name, "v");
        if (!failure) acknowledged[name] = "v";
        if (failure && last_error.outcome_unknown) doubtful.insert(name);
        clock.advance(milliseconds(700));
    }
    if (late) late->deliver();
    UserMetadata user = stored("a");
    for (const auto& [name, value] : acknowledged) EXPECT_EQ(user[name], value) << name;
    for (const auto& [name, value] : user)
        EXPECT_TRUE(name == "x" || acknowledged.count(name) != 0 || doubtful.count(name) != 0)
            << name << " is there although its failure was reported";
    EXPECT_EQ(user["x"], "1");
    EXPECT_EQ(raw.get_acl(ObjectKey("a")).value(), "public-read");
}

INSTANTIATE_TEST_SUITE_P(Faults, EveryStep,
                         ::testing::Combine(::testing::Values(StoreCall::head, StoreCall::get_acl,
                                                              StoreCall::copy),
                                            ::testing::Values(Trouble::refused, Trouble::lost_reply,
                                                              Trouble::lost_request, Trouble::late),
                                            ::testing::Values(1, 2, 3)));

}  // namespace
}  // namespace xbucket::testing
