// SPDX-FileCopyrightText: the xbucket authors
#include "missing_names.h"

#include "support/fake_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xbucket {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr InodeNumber kDirectory{7};

TEST(MissingNames, are_taken_once_and_only_while_they_last) {
    testing::FakeClock clock;
    MissingNames missing(clock);
    ASSERT_TRUE(missing.add(kDirectory, "soon", clock.now() + seconds(1)));
    ASSERT_TRUE(missing.add(kDirectory, "late", clock.now() + seconds(5)));
    ASSERT_TRUE(missing.add(kRootInode, "late", clock.now() + seconds(5)));
    clock.advance(seconds(2));
    const auto wanted = [](InodeNumber number) { return number == kDirectory; };
    EXPECT_THAT(missing.take(wanted), ElementsAre(MissingNames::Name(kDirectory, "late")));
    EXPECT_THAT(missing.take(wanted), IsEmpty());
    EXPECT_THAT(missing.take([](InodeNumber) { return true; }),
                ElementsAre(MissingNames::Name(kRootInode, "late")));
}

TEST(MissingNames, beyond_the_limit_are_refused_until_some_have_ended) {
    testing::FakeClock clock;
    MissingNames missing(clock, 2);
    ASSERT_TRUE(missing.add(kDirectory, "a", clock.now() + seconds(1)));
    ASSERT_TRUE(missing.add(kDirectory, "b", clock.now() + seconds(5)));
    EXPECT_FALSE(missing.add(kDirectory, "c", clock.now() + seconds(5)));
    EXPECT_TRUE(missing.add(kDirectory, "b", clock.now() + seconds(6))) << "it is among them";
    clock.advance(seconds(1));
    EXPECT_TRUE(missing.add(kDirectory, "c", clock.now() + seconds(5)));
    EXPECT_FALSE(missing.add(kDirectory, "d", clock.now() + seconds(5)));
}

}  // namespace
}  // namespace xbucket
