// SPDX-FileCopyrightText: the xbucket authors
// Engines over one in-memory bucket: this mount (`engine`, with faults), another mount (`other`),
// and foreign clients that follow no rules (`raw`).
#pragma once

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/memory_store.h"

#include "xbucket/meta/meta_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace xbucket::testing {

class EngineFixture : public ::testing::Test {
  protected:
    explicit EngineFixture(MemoryService service = MemoryService::oss())
        : raw(std::move(service), clock),
          store(raw),
          other_memory(raw.bucket()),
          other_store(other_memory) {}

    void SetUp() override {
        config.verify = VerifyPolicy::never;  // tests of verification say so
        config.seed = 7;
        config.posix_delay = std::chrono::hours(1);  // tests flush when they mean it
        engine = make_meta_engine(config, store, clock).value();
        other = make_meta_engine(config, other_store, clock).value();
    }
    void TearDown() override {
        if (engine) static_cast<void>(engine->shutdown());
        if (other) static_cast<void>(other->shutdown());
    }
    // After a change of `config`.
    void remount() { engine = make_meta_engine(config, store, clock).value(); }

    // An object that has stood still for a while.
    void put(const std::string& key, const ObjectAttributes& attributes = {},
             const std::string& body = "body") {
        ASSERT_TRUE(put_object(raw, key, body, attributes));
        clock.advance(std::chrono::seconds(10));
        raw.clear_log();
    }
    std::optional<ErrorKind> set(MetaEngine& by, const std::string& key, const std::string& name,
                                 std::optional<std::string> value, SetFlag flag = SetFlag::any) {
        const auto result = by.change_attribute(ObjectKey(key), name, std::move(value), flag);
        if (result) return std::nullopt;
        last_error = result.error();
        return result.error().kind;
    }
    std::optional<ErrorKind> set(const std::string& key, const std::string& name,
                                 std::optional<std::string> value, SetFlag flag = SetFlag::any) {
        return set(*engine, key, name, std::move(value), flag);
    }
    // nullopt where the attribute (or the object) is not there.
    std::optional<std::string> get(const std::string& key, const std::string& name) {
        const auto value = engine->get_attribute(ObjectKey(key), name);
        if (!value) return std::nullopt;
        return *value;
    }
    Result<ObjectStat> rename(const std::string& from, const std::string& to,
                              bool no_replace = false) {
        const auto turn = engine->order().acquire(ObjectKey(from), ObjectKey(to));
        return engine->rename(ObjectKey(from), ObjectKey(to), no_replace);
    }
    UserMetadata stored(const std::string& key) {
        const auto version = raw.bucket()->peek(ObjectKey(key));
        return version ? version->attributes.user : UserMetadata{};
    }
    std::vector<std::string> list(const std::string& key) {
        auto names = engine->list_attributes(ObjectKey(key)).value();
        std::sort(names.begin(), names.end());
        return names;
    }
    // A client without guard sets one entry, as s3fs would.
    void edit_rudely(const std::string& key, const std::string& name, const std::string& value) {
        CopyRequest request;
        request.source = request.destination = ObjectKey(key);
        request.replace = raw.bucket()->peek(ObjectKey(key))->attributes;
        request.replace->tags.reset();
        request.replace->user[name] = value;
        ASSERT_TRUE(raw.bucket()->copy(request));
    }

    FakeClock clock;
    MemoryStore raw;
    FaultyStore store;
    MemoryStore other_memory;
    FaultyStore other_store;
    MetaConfig config;
    std::unique_ptr<MetaEngine> engine;
    std::unique_ptr<MetaEngine> other;
    Error last_error;
};

inline Error timeout_error() { return Error(ErrorKind::timed_out, "injected"); }

}  // namespace xbucket::testing
