// SPDX-FileCopyrightText: the xbucket authors
// A mount with a journal in a directory of its own. A crash is an engine that goes without
// shutdown; the next one finds its journal in the same directory.
#pragma once

#include "meta/engine_fixture.h"

#include <filesystem>
#include <stdlib.h>
#include <thread>

namespace xbucket::testing {

class WriteBehindTest : public EngineFixture {
  protected:
    explicit WriteBehindTest(MemoryService service = MemoryService::oss())
        : EngineFixture(std::move(service)) {}
    void SetUp() override {
        char pattern[] = "/tmp/xbucket-journal-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        directory = pattern;
        EngineFixture::SetUp();
        config.durability = Durability::timed;
        config.journal_directory = directory + "/journal";
        config.journal_survives_power_loss = false;     // nobody pulls the plug here
        config.commit_delay = std::chrono::hours(100);  // tests flush when they mean it
        mount();
    }
    void TearDown() override {
        EngineFixture::TearDown();
        engine.reset();
        std::filesystem::remove_all(directory);
    }
    void mount() {
        engine.reset();
        remount();
        const auto started = engine->start();
        ASSERT_TRUE(started) << started.error().describe();
    }
    void crash() { engine.reset(); }
    std::string journal() const {
        const std::string stats = engine->stats_json();
        const size_t at = stats.find("\"journal\":");
        return stats.substr(at, stats.find('}', at) - at + 1);
    }
    // Sends all that waits and tells of nothing.
    void send() { static_cast<void>(engine->send_below("").has_value()); }
    // The sender's threads do it: they look at the clock again every millisecond.
    void wait_until_sent() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        while (journal().find("\"changes\":0") == std::string::npos) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << journal();
            std::this_thread::yield();
        }
    }
    std::optional<ErrorKind> flush(const std::string& key) {
        const auto flushed = engine->flush(ObjectKey(key));
        if (flushed) return std::nullopt;
        last_error = flushed.error();
        return flushed.error().kind;
    }
    std::string failures(const std::string& key = "") {
        return engine->failures_json(ObjectKey(key));
    }
    size_t files_in_journal() const {
        size_t count = 0;
        for (const auto& file : std::filesystem::directory_iterator(config.journal_directory)) {
            static_cast<void>(file);
            ++count;
        }
        return count;
    }

    std::string directory;
};

}  // namespace xbucket::testing
