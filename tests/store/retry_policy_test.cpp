// SPDX-FileCopyrightText: the xbucket authors
#include "retry_policy.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

constexpr uint64_t kSeed = 20231114;  // printed by every failure

Error error_of(ErrorKind kind, int status = 0, bool unknown = false, std::string code = "Code") {
    Error error(kind, "x");
    error.http_status = status;
    error.code = std::move(code);
    error.outcome_unknown = unknown;
    return error;
}

TEST(RetryPolicy, says_for_each_failure_whether_it_may_be_sent_again) {
    struct Row {
        Error error;
        bool harmless;
        bool unsafe;
        bool unknown;  // what a mutation's caller is told
    };
    using enum ErrorKind;
    const Row rows[] = {
        {error_of(throttled, 503), true, true, false},
        {error_of(server_error, 500), true, true, false},
        {error_of(server_error, 200), true, true, false},  // <Error> in a success
        {error_of(server_error, 500, false, ""), true, false, true},
        {error_of(server_error, 502), true, false, true},
        {error_of(server_error, 504), true, false, true},
        {error_of(network, 0, false), true, true, false},  // never sent
        {error_of(network, 0, true), true, false, true},
        {error_of(timed_out, 0, false), true, true, false},
        {error_of(timed_out, 0, true), true, false, true},
        {error_of(timed_out, 408), true, true, false},
        {error_of(checksum_mismatch, 400), true, true, false},
        {error_of(not_found, 404), false, false, false},
        {error_of(precondition_failed, 412), false, false, false},
        {error_of(conflict, 409), false, false, false},
        {error_of(access_denied, 403), false, false, false},
        {error_of(invalid_argument, 400), false, false, false},
        {error_of(unsupported, 501), false, false, false},
        {error_of(bad_reply, 200), false, false, false},
        {error_of(tls), false, false, false},
        {error_of(cancelled), false, false, false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(may_retry(row.error, Repeat::harmless), row.harmless) << row.error.describe();
        EXPECT_EQ(may_retry(row.error, Repeat::unsafe), row.unsafe) << row.error.describe();
        EXPECT_EQ(is_outcome_unknown(row.error, Repeat::unsafe), row.unknown)
            << row.error.describe();
        EXPECT_FALSE(is_outcome_unknown(row.error, Repeat::harmless));
    }
}

TEST(RetryPolicy, waits_a_random_part_of_a_doubling_interval_up_to_twenty_seconds) {
    std::mt19937_64 random(kSeed);
    const Error error = error_of(ErrorKind::throttled, 503);
    for (unsigned attempts = 1; attempts < 40; ++attempts) {
        const double ceiling = std::min(20.0, 0.1 * static_cast<double>(1ULL << attempts) / 2);
        double longest = 0;
        double shortest = 1e9;
        for (int i = 0; i < 500; ++i) {
            const auto delay = retry_delay(error, Repeat::harmless, attempts, 100, random);
            ASSERT_TRUE(delay);
            const double seconds = std::chrono::duration<double>(*delay).count();
            longest = std::max(longest, seconds);
            shortest = std::min(shortest, seconds);
        }
        EXPECT_LE(longest, ceiling) << "attempt " << attempts << " seed " << kSeed;
        EXPECT_GT(longest, ceiling * 0.9) << "attempt " << attempts << " seed " << kSeed;
        EXPECT_LT(shortest, ceiling * 0.1) << "attempt " << attempts << " seed " << kSeed;
    }
}

TEST(RetryPolicy, never_waits_less_than_the_service_asks) {
    std::mt19937_64 random(kSeed);
    Error error = error_of(ErrorKind::throttled, 503);
    error.retry_after = std::chrono::seconds(30);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(retry_delay(error, Repeat::unsafe, 1, 10, random),
                  Duration(std::chrono::seconds(30)));
    }
}

TEST(RetryPolicy, ends_after_attempts_max_and_sooner_for_codes_that_may_never_pass) {
    std::mt19937_64 random(kSeed);
    const Error plain = error_of(ErrorKind::server_error, 500);
    EXPECT_TRUE(retry_delay(plain, Repeat::harmless, 9, 10, random));
    EXPECT_FALSE(retry_delay(plain, Repeat::harmless, 10, 10, random));
    for (const char* code : {"UnknownError", "BadRequest"}) {
        const Error doubtful = error_of(ErrorKind::server_error, 500, false, code);
        EXPECT_TRUE(retry_delay(doubtful, Repeat::harmless, 2, 10, random)) << code;
        EXPECT_FALSE(retry_delay(doubtful, Repeat::harmless, 3, 10, random)) << code;
    }
}

TEST(RetryPolicy, the_same_seed_gives_the_same_delays) {
    std::mt19937_64 a(kSeed);
    std::mt19937_64 b(kSeed);
    const Error error = error_of(ErrorKind::network);
    for (unsigned i = 1; i < 9; ++i) {
        EXPECT_EQ(retry_delay(error, Repeat::harmless, i, 10, a),
                  retry_delay(error, Repeat::harmless, i, 10, b));
    }
}

TEST(RetryBudget, a_burst_then_one_retry_for_ten_requests) {
    RetryBudget budget;
    const TimePoint now;
    for (int i = 0; i < 100; ++i) ASSERT_EQ(budget.spend(now), Duration{0}) << i;
    for (int i = 0; i < 9; ++i) budget.earn();
    EXPECT_NE(budget.spend(now), Duration{0});
    for (int i = 0; i < 11; ++i) budget.earn();
    EXPECT_EQ(budget.spend(now), Duration{0});
    EXPECT_NE(budget.spend(now), Duration{0});
}

TEST(RetryBudget, who_finds_none_left_waits_and_fifty_a_second_get_their_turn) {
    RetryBudget budget;
    TimePoint now;
    while (budget.spend(now) == Duration{0}) {
    }
    // The one that ended the loop has the first turn.
    for (int i = 2; i <= 500; ++i) ASSERT_EQ(budget.spend(now), std::chrono::milliseconds(20) * i);
    EXPECT_EQ(budget.spend(now), std::nullopt) << "too many wait";
    now = now + std::chrono::seconds(1);
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(budget.spend(now)) << i;
    EXPECT_EQ(budget.spend(now), std::nullopt);
    now = now + std::chrono::hours(1);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(budget.spend(now), Duration{0}) << i;
    EXPECT_NE(budget.spend(now), Duration{0}) << "no more than a burst is saved up";
}

}  // namespace
}  // namespace xbucket
