// SPDX-FileCopyrightText: the xbucket authors
// Journals and their locks, without an engine.
#include "journal.h"

#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

namespace xbucket::testing {
namespace {

// A mount that starts looks for journals that were left behind, at the very moment that another one
// makes its own.
TEST(Journals, of_mounts_that_start_at_the_same_instant_are_all_made) {
    constexpr int kMounts = 500;
    constexpr int kOthers = 3;
    const TempDir directory;
    std::atomic<bool> done{false};
    std::vector<std::thread> others;
    for (int i = 0; i < kOthers; ++i)
        others.emplace_back([&] {
            while (!done)
                for (const JournalLock& lock : lock_orphans(directory.path()))
                    lock.remove_files(sqlite::Survives::kill);
        });
    for (int i = 0; i < kMounts; ++i) {
        auto journal = Journal::open(directory.path(), sqlite::Survives::kill, "");
        EXPECT_TRUE(journal) << journal.error().describe();
        if (!journal) break;
        size_t locks = 0;
        for (const auto& file : std::filesystem::directory_iterator(directory.path()))
            locks += file.path().extension() == ".lock" ? 1 : 0;
        EXPECT_GE(locks, 1U) << "its own";
        (*journal)->close_if_empty();
    }
    done = true;
    for (std::thread& other : others) other.join();
}

}  // namespace
}  // namespace xbucket::testing
