// SPDX-FileCopyrightText: the xbucket authors
// Wiping is observed where the text lay: its memory is kept for other secrets and stays mapped.
#include "xbucket/base/secret.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace xbucket {
namespace {

constexpr std::string_view kText = "hunter2hunter2";

// Volatile, since the compiler may know that the secret is gone.
std::string bytes_at(std::string_view where) {
    std::string copy;
    for (size_t i = 0; i < where.size(); ++i) {
        copy += static_cast<const volatile char*>(where.data())[i];
    }
    return copy;
}

TEST(Secret, printing_shows_stars_and_reveal_shows_the_text) {
    const Secret secret(kText);
    std::ostringstream out;
    out << secret;
    EXPECT_EQ(out.str(), "***");
    EXPECT_EQ(secret.reveal(), kText);
}

TEST(Secret, does_not_turn_into_text_by_itself) {
    static_assert(!std::is_convertible_v<Secret, std::string>);
    static_assert(!std::is_convertible_v<Secret, std::string_view>);
    static_assert(!std::is_convertible_v<std::string, Secret>);
}

TEST(Secret, moved_from_secret_keeps_no_copy) {
    Secret from(kText);
    const Secret made(std::move(from));
    EXPECT_EQ(made.reveal(), kText);
    EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): its emptiness is the point

    Secret again(kText);
    Secret assigned("other");
    const std::string_view old = assigned.reveal();
    assigned = std::move(again);
    EXPECT_EQ(assigned.reveal(), kText);
    EXPECT_EQ(bytes_at(old), std::string(old.size(), '\0'));
}

TEST(Secret, destroyed_and_overwritten_secrets_leave_no_text_behind) {
    std::string_view where;
    {
        const Secret secret(kText);
        where = secret.reveal();
        ASSERT_EQ(bytes_at(where), kText) << "or this test proves nothing";
    }
    EXPECT_EQ(bytes_at(where), std::string(kText.size(), '\0'));
    Secret copied(kText);
    where = copied.reveal();
    const Secret other("y");
    copied = other;
    EXPECT_EQ(copied, other);
    EXPECT_EQ(bytes_at(where).find("hunter"), std::string::npos);
}

TEST(Secret, assigning_to_itself_changes_nothing) {
    Secret secret(kText);
    Secret& same = secret;
    secret = same;
    EXPECT_EQ(secret.reveal(), kText);
    secret = std::move(same);
    EXPECT_EQ(secret.reveal(), kText);
}

TEST(Secret, every_length_survives_copy_and_move) {
    for (const size_t length : {0U, 1U, 31U, 32U, 33U, 1000U, 65535U, 65536U, 65537U, 200'000U}) {
        const std::string text(length, 'k');
        const Secret first(text);
        Secret second(first);
        const Secret third(std::move(second));
        EXPECT_EQ(third.reveal(), text);
        EXPECT_EQ(first, third);
        EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
    }
}

// The flags of the mapping that holds `address`, as /proc/self/smaps has them.
std::string flags_of(const void* address) {
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool inside = false;
    while (std::getline(maps, line)) {
        unsigned long long begin = 0;
        unsigned long long end = 0;
        if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) {
            const auto at = reinterpret_cast<unsigned long long>(address);
            inside = at >= begin && at < end;
        } else if (inside && line.starts_with("VmFlags:")) {
            return line + " ";
        }
    }
    return "";
}

TEST(Secret, lies_in_memory_that_is_not_dumped_and_not_swapped_out) {
    const Secret secret(kText);
    const std::string flags = flags_of(secret.reveal().data());
    EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr bool can_lock = false;  // the sanitizers make mlock a call that does nothing
#elif defined(__has_feature)
    constexpr bool can_lock = !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer);
#else
    constexpr bool can_lock = true;
#endif
    if (can_lock && secrets_are_locked()) {
        EXPECT_NE(flags.find(" lo "), std::string::npos) << flags;
    }
    const int other = 0;
    EXPECT_EQ(flags_of(&other).find(" dd "), std::string::npos) << "or the test proves nothing";
}

TEST(Secret, threads_may_make_and_drop_them_at_once) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
            for (size_t i = 1; i < 2000; ++i) {
                const std::string text(i % 300, static_cast<char>('a' + t));
                const Secret secret(text);
                const Secret copy(secret);
                ASSERT_EQ(copy.reveal(), text);
            }
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST(Wipe, overwrites_the_whole_capacity) {
    std::string text(100, 'k');
    const std::string_view where(text.data(), 100);
    wipe(text);
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(bytes_at(where), std::string(100, '\0'));
}

}  // namespace
}  // namespace xbucket
