// SPDX-FileCopyrightText: the xbucket authors
// Wiping is observed in short texts, which live inside the object where they can be looked for.
#include "xbucket/base/secret.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <sstream>
#include <utility>

namespace xbucket {
namespace {

constexpr std::string_view kText = "hunter2hunter2";

std::string object_bytes(const void* object) {
    // Volatile, since the compiler may know that the object is gone.
    const auto* bytes = static_cast<const volatile char*>(object);
    std::string copy;
    for (size_t i = 0; i < sizeof(Secret); ++i) copy += bytes[i];
    return copy;
}
bool holds_text(const Secret& secret) {
    return object_bytes(&secret).find("hunter") != std::string::npos;
}

TEST(Secret, printing_shows_stars_and_reveal_shows_the_text) {
    const Secret secret(kText);
    std::ostringstream out;
    out << secret;
    EXPECT_EQ(out.str(), "***");
    EXPECT_EQ(secret.reveal(), kText);
    EXPECT_TRUE(holds_text(secret)) << "or the tests below prove nothing";
}

TEST(Secret, moved_from_secret_keeps_no_copy) {
    Secret from(kText);
    const Secret made(std::move(from));
    EXPECT_EQ(made.reveal(), kText);
    EXPECT_FALSE(holds_text(from));  // NOLINT(bugprone-use-after-move): its emptiness is the point
    EXPECT_TRUE(from.empty());

    Secret again(kText);
    Secret assigned("other");
    assigned = std::move(again);
    EXPECT_EQ(assigned.reveal(), kText);
    EXPECT_FALSE(holds_text(again));  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, assigned_over_secret_keeps_no_tail_of_the_old_text) {
    Secret secret(kText);
    secret = Secret("x");
    EXPECT_FALSE(holds_text(secret));
    const Secret other("y");
    Secret copied(kText);
    copied = other;
    EXPECT_EQ(copied, other);
    EXPECT_FALSE(holds_text(copied));
}

TEST(Secret, destroyed_secret_leaves_no_text_behind) {
    alignas(Secret) std::array<std::byte, sizeof(Secret)> place{};
    auto* secret = new (place.data()) Secret(kText);
    ASSERT_TRUE(holds_text(*secret));
    std::destroy_at(secret);
    EXPECT_EQ(object_bytes(place.data()).find("hunter"), std::string::npos);
}

TEST(Secret, assigning_to_itself_changes_nothing) {
    Secret secret(kText);
    Secret& same = secret;
    secret = same;
    EXPECT_EQ(secret.reveal(), kText);
    secret = std::move(same);
    EXPECT_EQ(secret.reveal(), kText);
}

TEST(Secret, long_text_survives_copy_and_move) {
    const std::string text(1000, 'k');
    const Secret first(text);
    Secret second(first);
    const Secret third(std::move(second));
    EXPECT_EQ(third.reveal(), text);
    EXPECT_EQ(first, third);
    EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace xbucket
