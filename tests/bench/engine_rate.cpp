// SPDX-FileCopyrightText: the xbucket authors
// The metadata engine without a kernel: how fast it reads the attributes of many objects, what CPU
// that takes, and what each costs in memory once cached.
//
//     engine_rate ENDPOINT BUCKET [--dialect oss|s3] [--readers N] < KEYS
//
// Reads as a bulk prefetch does: a stretch of keys is asked for ahead while the one before comes,
// and is read when its last key is there. With --readers that many threads ask for one key after
// the other instead.
//
// The key pair comes from OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET. Prints one JSON object:
// objects, seconds, cpu_seconds (of this process), heap_bytes (growth of what malloc has given
// out), string_bytes (of keys, names and values, which any cache must hold).
#include "bench_tool.h"

#include "xbucket/base/log.h"
#include "xbucket/http/curl_transport.h"
#include "xbucket/meta/meta_engine.h"
#include "xbucket/store/http_store.h"

#include <fmt/format.h>

#ifdef XBUCKET_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <malloc.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench_tool;
using namespace xbucket;

HttpStoreConfig parse(int argc, char** argv, size_t& readers) {
    if (argc < 3) die("usage: engine_rate ENDPOINT BUCKET [--dialect oss|s3] [--readers N]");
    HttpStoreConfig config;
    config.endpoint = argv[1];
    config.bucket = argv[2];
    config.dialect = DialectKind::s3;
    for (int i = 3; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--dialect") == 0)
            config.dialect =
                std::strcmp(argv[i + 1], "oss") == 0 ? DialectKind::oss : DialectKind::s3;
        else if (std::strcmp(argv[i], "--readers") == 0)
            readers = std::strtoul(argv[i + 1], nullptr, 10);
        else
            die(fmt::format("no option {}", argv[i]));
    }
    config.region = config.dialect == DialectKind::oss ? "cn-hangzhou" : "us-east-1";
    return config;
}

void read(MetaEngine& engine, const ObjectKey& key) {
    const auto names = engine.list_attributes(key);
    if (!names) die(key.str() + ": " + names.error().describe());
}

void read_ahead(MetaEngine& engine, const std::vector<ObjectKey>& keys) {
    constexpr size_t kStretch = 1000;
    size_t asked = 0;
    const auto ask = [&] {
        const size_t end = std::min(asked + kStretch, keys.size());
        const std::vector<ObjectKey> stretch(keys.data() + asked, keys.data() + end);
        engine.prefetch(stretch, MetaEngine::Ahead::metadata);
        asked = end;
    };
    ask();
    for (size_t begin = 0; begin < keys.size(); begin += kStretch) {
        ask();
        const size_t end = std::min(begin + kStretch, keys.size());
        read(engine, keys[end - 1]);  // most of them have come by then: no waking up for each
        for (size_t at = begin; at < end; ++at) read(engine, keys[at]);
    }
}

void read_by_threads(MetaEngine& engine, const std::vector<ObjectKey>& keys, size_t threads) {
    std::atomic<size_t> next{0};
    std::vector<std::jthread> readers;
    for (size_t i = 0; i < threads; ++i)
        readers.emplace_back([&] {
            for (size_t at = next++; at < keys.size(); at = next++) read(engine, keys[at]);
        });
}

// What the allocator has given out.
size_t heap_bytes() {
#ifdef XBUCKET_JEMALLOC
    uint64_t epoch = 1;  // its statistics are of the moment when this was last set
    size_t size = sizeof epoch;
    size_t bytes = 0;
    size_t bytes_size = sizeof bytes;
    if (mallctl("epoch", &epoch, &size, &epoch, size) != 0 ||
        mallctl("stats.allocated", &bytes, &bytes_size, nullptr, 0) != 0)
        die("no statistics of the allocator");
    return bytes;
#else
    return mallinfo2().uordblks;
#endif
}

uint64_t string_bytes(MetaEngine& engine, const std::vector<ObjectKey>& keys) {
    uint64_t bytes = 0;
    for (const ObjectKey& key : keys) {
        bytes += key.size();
        const auto names = engine.list_attributes_cached(key);
        if (!names || !*names) continue;
        for (const std::string& name : **names) {
            const auto value = engine.get_attribute_cached(key, name);
            bytes += name.size() - std::strlen("user.") + (value && *value ? (*value)->size() : 0);
        }
        for (const char* fact : {"user.object.etag", "user.http.content-type"}) {
            const auto value = engine.get_attribute_cached(key, fact);
            if (value && *value) bytes += (*value)->size();
        }
    }
    return bytes;
}

}  // namespace

int main(int argc, char** argv) {
    size_t readers = 0;
    const HttpStoreConfig config = parse(argc, argv, readers);
    std::vector<ObjectKey> keys;
    for (std::string line; std::getline(std::cin, line);)
        keys.emplace_back(line.substr(0, line.find('\t')));

    set_log_level(LogLevel::error);
    SystemClock clock;
    StaticCredentials credentials(
        Credentials{.access_key_id = from_environment("OSS_ACCESS_KEY_ID"),
                    .access_key_secret = Secret(from_environment("OSS_ACCESS_KEY_SECRET")),
                    .session_token = Secret(),
                    .expiration = std::nullopt,
                    .source = "environment"});
    auto transport = make_curl_transport({});
    if (!transport) die(transport.error().describe());
    auto store = make_http_store(config, **transport, credentials, clock);
    if (!store) die(store.error().describe());
    MetaConfig meta;
    meta.cache_bytes_max = 16ULL << 30;
    meta.positive_life = std::chrono::hours(1);
    auto engine = make_meta_engine(meta, **store, clock);
    if (!engine) die(engine.error().describe());

    const size_t heap = heap_bytes();
    const double wall = seconds_of(CLOCK_MONOTONIC);
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (readers == 0)
        read_ahead(**engine, keys);
    else
        read_by_threads(**engine, keys, readers);
    const double wall_spent = seconds_of(CLOCK_MONOTONIC) - wall;
    const double cpu_spent = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    const size_t grown = heap_bytes() - heap;
    fmt::print(
        "{{\"objects\": {}, \"seconds\": {:.6f}, \"cpu_seconds\": {:.6f}, "
        "\"heap_bytes\": {}, \"string_bytes\": {}}}\n",
        keys.size(), wall_spent, cpu_spent, grown, string_bytes(**engine, keys));
    return 0;
}
