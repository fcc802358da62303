// SPDX-FileCopyrightText: the xbucket authors
// When keys are renewed, what callers see meanwhile, and what failures do. Fetches are answered by
// the test, time moves by hand.
#include "xbucket/credentials/renewing.h"

#include "renewal_plan.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

#include "xbucket/base/sync.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <set>
#include <thread>

namespace xbucket {
namespace {

using namespace std::chrono_literals;  // NOLINT
using ::testing::HasSubstr;
using xbucket::testing::FakeClock;

// Gives what the test has put into it; a fetch without an answer waits for one.
class Answers {
  public:
    void put(Result<Credentials> answer) {
        LockGuard lock(mutex_);
        answers_.push_back(std::move(answer));
        changed_.notify_all();
    }
    Result<Credentials> fetch() {
        LockGuard lock(mutex_);
        ++fetches_;
        ++running_;
        most_ = std::max(most_, running_);
        changed_.notify_all();
        while (answers_.empty()) changed_.wait(mutex_);
        auto answer = std::move(answers_.front());
        answers_.pop_front();
        --running_;
        return answer;
    }
    int fetches() {
        LockGuard lock(mutex_);
        return fetches_;
    }
    int most_at_once() {
        LockGuard lock(mutex_);
        return most_;
    }
    void wait_for_fetch(int number) {
        LockGuard lock(mutex_);
        while (fetches_ < number) changed_.wait(mutex_);
    }

  private:
    Mutex mutex_;
    CondVar changed_;
    std::deque<Result<Credentials>> answers_ GUARDED_BY(mutex_);
    int fetches_ GUARDED_BY(mutex_) = 0;
    int running_ GUARDED_BY(mutex_) = 0;
    int most_ GUARDED_BY(mutex_) = 0;
};

class Renewing : public ::testing::Test {
  protected:
    Credentials key(const std::string& id, std::optional<Duration> life) {
        Credentials credentials;
        credentials.access_key_id = id;
        credentials.access_key_secret = Secret("s");
        credentials.source = "test";
        if (life) credentials.expiration = clock_.wall_now() + *life;
        return credentials;
    }
    // Keys that somebody is asked for.
    static RenewalSource asking(Answers& answers) {
        return {.load = [] { return Recipe{.method = Recipe::Method::process}; },
                .follow = [&answers](const Recipe&) { return answers.fetch(); },
                .files = {}};
    }
    std::unique_ptr<RenewingCredentials> start(std::optional<Duration> life) {
        return std::make_unique<RenewingCredentials>(key("first", life), asking(answers_), clock_,
                                                     7);
    }
    std::string id(RenewingCredentials& provider) {
        auto credentials = provider.get();
        return credentials ? credentials->access_key_id : credentials.error().message;
    }
    // The renewal runs on a thread of its own: this is seen soon. Every look takes `step`.
    bool becomes(RenewingCredentials& provider, const std::string& wanted, Duration step = 0s) {
        // Never waiting for a key, and no faster than the renewing thread can be: only this thread
        // moves the clock.
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (std::chrono::steady_clock::now() < deadline) {
            const auto now = provider.get_at_once();
            if (now && now->access_key_id == wanted) return true;
            clock_.advance(step);
            std::this_thread::sleep_for(1ms);
        }
        return false;
    }

    FakeClock clock_;
    Answers answers_;
};

TEST_F(Renewing, a_fifth_of_its_life_ahead_a_key_is_renewed_while_nobody_waits) {
    const auto provider = start(60min);
    clock_.advance(40min);
    EXPECT_EQ(id(*provider), "first");
    EXPECT_EQ(answers_.fetches(), 0) << "renewed far too early";
    clock_.advance(8min + 1s);
    EXPECT_EQ(id(*provider), "first");
    answers_.wait_for_fetch(1);
    EXPECT_EQ(id(*provider), "first") << "the caller waited for the new key";
    answers_.put(key("second", 60min));
    EXPECT_TRUE(becomes(*provider, "second"));
}

TEST_F(Renewing, long_keys_are_renewed_a_quarter_of_an_hour_ahead_not_hours) {
    const auto provider = start(12h);
    clock_.advance(11h);
    EXPECT_EQ(id(*provider), "first");
    EXPECT_EQ(answers_.fetches(), 0);
    clock_.advance(45min + 1s);
    EXPECT_EQ(id(*provider), "first");
    answers_.wait_for_fetch(1);
    answers_.put(key("second", 12h));
    EXPECT_TRUE(becomes(*provider, "second"));
}

TEST_F(Renewing, machines_of_a_fleet_do_not_ask_in_the_same_second) {
    std::set<int64_t> seconds;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random(seed);
        const Duration lead = renewal_lead(1h, random);
        EXPECT_GE(lead, 12min);
        EXPECT_LE(lead, 15min);
        seconds.insert(std::chrono::duration_cast<std::chrono::seconds>(lead).count());
    }
    EXPECT_GT(seconds.size(), 15U);
}

TEST_F(Renewing, many_callers_cause_one_fetch_at_a_time) {
    const auto provider = start(60s);
    clock_.advance(61s);
    std::vector<std::thread> callers;
    std::atomic<int> served{0};
    for (int i = 0; i < 8; ++i) {
        callers.emplace_back([&] {
            if (id(*provider) == "second") ++served;
        });
    }
    answers_.wait_for_fetch(1);
    answers_.put(key("second", 60s));
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(served, 8) << "callers of an ended key wait for the next one";
    EXPECT_EQ(answers_.fetches(), 1);
    EXPECT_EQ(answers_.most_at_once(), 1);
}

TEST_F(Renewing, without_a_valid_key_who_cannot_wait_gets_none_and_has_the_next_fetched) {
    const auto provider = start(60min);
    ASSERT_TRUE(provider->get_at_once());
    clock_.advance(60min + 1s);
    EXPECT_FALSE(provider->get_at_once());
    answers_.wait_for_fetch(1);
    EXPECT_FALSE(provider->get_at_once());
    answers_.put(key("second", 60min));
    EXPECT_EQ(id(*provider), "second");
    EXPECT_EQ(provider->get_at_once()->access_key_id, "second");
    EXPECT_EQ(answers_.fetches(), 1);
}

TEST_F(Renewing, failure_keeps_the_key_while_it_is_valid_and_backs_off) {
    const auto provider = start(60min);
    clock_.advance(50min);
    EXPECT_EQ(id(*provider), "first");
    answers_.put(fail(ErrorKind::network, "unplugged"));
    answers_.wait_for_fetch(1);
    // Until the failure is taken in, and then during the back-off, nobody asks again.
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(id(*provider), "first");
    EXPECT_EQ(answers_.fetches(), 1);
    answers_.put(key("second", 60min));
    // The back-off begins when the failure is taken in, which may be only now.
    EXPECT_TRUE(becomes(*provider, "second", 2s));
    EXPECT_EQ(answers_.fetches(), 2);
}

TEST_F(Renewing, without_a_valid_key_a_definite_refusal_is_said_at_once) {
    const auto provider = start(60s);
    clock_.advance(61s);
    answers_.put(fail(ErrorKind::bad_credentials, "the role is gone"));
    EXPECT_THAT(id(*provider), HasSubstr("the role is gone"));
    EXPECT_EQ(answers_.fetches(), 1);
    EXPECT_THAT(id(*provider), HasSubstr("the role is gone")) << "and not asked for every request";
    EXPECT_EQ(answers_.fetches(), 1);
    clock_.advance(61s);
    answers_.put(key("second", 60min));
    EXPECT_EQ(id(*provider), "second") << "it heals by itself";
}

TEST_F(Renewing, request_without_a_key_hears_nothing_that_could_be_the_services_answer) {
    for (const ErrorKind kind : {ErrorKind::access_denied, ErrorKind::unsupported, ErrorKind::stale,
                                 ErrorKind::precondition_failed, ErrorKind::bad_reply}) {
        Answers own;
        RenewingCredentials provider(key("first", 60s), asking(own), clock_, 7);
        clock_.advance(61s);
        own.put(fail(kind, "why"));
        const auto none = provider.get();
        ASSERT_FALSE(none.has_value());
        EXPECT_EQ(none.error().kind, ErrorKind::bad_credentials) << to_string(kind);
        EXPECT_THAT(none.error().message, HasSubstr("no valid key: why"));
    }
    // What may pass is waited for.
    for (const ErrorKind kind : {ErrorKind::not_found, ErrorKind::network}) {
        Answers own;
        RenewingCredentials provider(key("first", 60s), asking(own), clock_, 7);
        clock_.advance(61s);
        for (int i = 0; i < 100; ++i) own.put(fail(kind, "why"));
        std::atomic<bool> done{false};
        std::thread time([&] {
            while (!done) {
                clock_.advance(1s);
                std::this_thread::yield();
            }
        });
        const auto none = provider.get();
        done = true;
        time.join();
        ASSERT_FALSE(none.has_value());
        EXPECT_EQ(none.error().kind, ErrorKind::expired_credentials) << to_string(kind);
    }
}

TEST_F(Renewing, refused_key_is_asked_for_again_but_not_in_a_storm) {
    const auto provider = start(60min);
    const Credentials first = *provider->get();
    answers_.put(key("second", 60min));
    EXPECT_TRUE(provider->refused(first));
    EXPECT_EQ(id(*provider), "second");
    EXPECT_TRUE(provider->refused(first)) << "a late report of the old key needs no fetch";
    EXPECT_EQ(answers_.fetches(), 1);
    const Credentials second = *provider->get();
    EXPECT_FALSE(provider->refused(second)) << "within ten seconds nobody is asked again";
    EXPECT_EQ(answers_.fetches(), 1);
    clock_.advance(11s);
    answers_.put(second);
    EXPECT_FALSE(provider->refused(second)) << "the same key is no reason to try again";
    EXPECT_EQ(answers_.fetches(), 2);
}

TEST_F(Renewing, keys_that_are_refused_at_their_end_are_renewed_each_time) {
    const auto provider = start(3s);
    for (const char* next : {"a", "b", "c", "d"}) {
        const Credentials current = *provider->get();
        clock_.advance(3s);
        answers_.put(key(next, 3s));
        EXPECT_TRUE(provider->refused(current)) << next;
        EXPECT_EQ(id(*provider), next);
    }
    EXPECT_EQ(answers_.fetches(), 4);
}

TEST_F(Renewing, key_that_had_ended_when_it_came_is_left_to_the_service_to_judge) {
    const auto provider = start(-1h);
    EXPECT_EQ(id(*provider), "first");
    EXPECT_EQ(answers_.fetches(), 0);
}

TEST_F(Renewing, lasting_key_is_never_asked_for_again) {
    const auto provider = start(std::nullopt);
    clock_.advance(24h * 365);
    EXPECT_EQ(id(*provider), "first");
    EXPECT_EQ(answers_.fetches(), 0);
}

TEST_F(Renewing, same_key_again_is_asked_for_in_a_while_not_at_once) {
    const auto provider = start(60min);
    const Credentials first = *provider->get();
    clock_.advance(50min);
    answers_.put(first);
    (void)provider->get();
    answers_.wait_for_fetch(1);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(id(*provider), "first");
    EXPECT_EQ(answers_.fetches(), 1);
    clock_.advance(61s);
    answers_.put(key("second", 60min));
    // The wait begins when the first answer is taken in, which may be only now.
    EXPECT_TRUE(becomes(*provider, "second", 2s));
}

// A file that holds the key itself, or says whom to ask for it.
class ChangingFile : public Renewing {
  protected:
    void write(Recipe recipe) {
        LockGuard lock(mutex_);
        recipe_ = std::move(recipe);
        file_.write("keys", std::string(++length_, 'x'));
    }
    void write_key(const std::string& id) { write({.key = key(id, std::nullopt)}); }
    void write_role() { write({.method = Recipe::Method::role}); }
    std::unique_ptr<RenewingCredentials> start_with_key() {
        write_key("first");
        return std::make_unique<RenewingCredentials>(
            key("first", std::nullopt),
            RenewalSource{.load = [this]() -> Result<Recipe> {
                              LockGuard lock(mutex_);
                              return recipe_;
                          },
                          .follow = [this](const Recipe& recipe) -> Result<Credentials> {
                              return recipe.is_quick() ? recipe.key : answers_.fetch();
                          },
                          .files = {file_.path() + "/keys"},
                          .quick = true},
            clock_, 7);
    }

    xbucket::testing::TempDir file_;
    size_t length_ = 0;
    Mutex mutex_;
    Recipe recipe_ GUARDED_BY(mutex_);
};

TEST_F(ChangingFile, that_turns_to_a_role_makes_nobody_wait_and_is_renewed_ahead_from_then_on) {
    const auto provider = start_with_key();
    write_role();
    clock_.advance(2s);
    ASSERT_TRUE(provider->get_at_once());
    EXPECT_EQ(provider->get_at_once()->access_key_id, "first") << "the token service is stalled";
    EXPECT_EQ(id(*provider), "first");
    answers_.wait_for_fetch(1);
    answers_.put(key("role", 60min));
    EXPECT_TRUE(becomes(*provider, "role"));
    clock_.advance(49min);
    EXPECT_EQ(id(*provider), "role");
    answers_.wait_for_fetch(2);
    answers_.put(key("next", 60min));
    EXPECT_TRUE(becomes(*provider, "next"));
    EXPECT_EQ(answers_.most_at_once(), 1);
}

TEST_F(ChangingFile, role_that_is_not_to_be_had_yet_is_asked_for_again) {
    const auto provider = start_with_key();
    write_role();
    clock_.advance(2s);
    answers_.put(fail(ErrorKind::network, "unplugged"));
    EXPECT_EQ(id(*provider), "first");
    answers_.wait_for_fetch(1);
    answers_.put(key("role", 60min));
    EXPECT_TRUE(becomes(*provider, "role", 2s));
    EXPECT_EQ(answers_.fetches(), 2);
}

TEST_F(ChangingFile, refused_key_whose_file_turned_to_a_role_is_followed_by_the_roles) {
    const auto provider = start_with_key();
    const Credentials first = *provider->get();
    write_role();
    answers_.put(key("role", 60min));
    EXPECT_TRUE(provider->refused(first));
    const Credentials role = *provider->get();
    EXPECT_EQ(role.access_key_id, "role");
    answers_.put(role);
    EXPECT_FALSE(provider->refused(role));
    EXPECT_FALSE(provider->refused(role)) << "within ten seconds nobody is asked again";
    EXPECT_EQ(answers_.fetches(), 2);
}

TEST_F(ChangingFile, that_holds_the_key_itself_again_gives_it_at_once_and_for_good) {
    const auto provider = start_with_key();
    write_role();
    clock_.advance(2s);
    answers_.put(key("role", 60min));
    EXPECT_TRUE(becomes(*provider, "role"));
    write_key("second");
    clock_.advance(2s);
    EXPECT_TRUE(becomes(*provider, "second"));
    write_key("third");
    clock_.advance(2s);
    EXPECT_EQ(provider->get_at_once()->access_key_id, "third");
    EXPECT_EQ(answers_.fetches(), 1);
}

}  // namespace
}  // namespace xbucket
