// SPDX-FileCopyrightText: the xbucket authors
// Reading objects: the right bytes, few requests, nothing but what is asked for where reads are
// random, memory within its budget, and no byte of another version or of damaged content.
#include "xbucket/data/reading.h"

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <latch>
#include <random>
#include <thread>

namespace xbucket {
namespace {

using testing::Fault;
using testing::StoreCall;

constexpr size_t kKiB = 1U << 10;
constexpr size_t kMiB = 1U << 20;

std::string content_of(size_t bytes, uint64_t salt = 0) {
    std::string content(bytes, '\0');
    std::mt19937_64 random(salt);
    for (size_t at = 0; at + 8 <= bytes; at += 8) {
        const uint64_t word = random();
        std::memcpy(content.data() + at, &word, 8);
    }
    return content;
}

class ReadingTest : public ::testing::Test {
  protected:
    ~ReadingTest() override {
        streams_.clear();
        readers_.clear();
        if (!reading_) return;
        reading_->stop();
        EXPECT_EQ(reading_->memory_used(), 0u);
    }
    void start(const ReadLimits& limits = {}) { reading_ = make_reading(limits, faulty_); }
    // Puts an object and opens a stream on it.
    ReadStream& open(const std::string& key, const std::string& content) {
        if (!reading_) start();
        const auto put = testing::put_object(store_, key, content);
        EXPECT_TRUE(put.has_value());
        store_.clear_log();
        readers_.push_back(reading_->open(put->etag, content.size()));
        streams_.push_back(readers_.back()->stream());
        return *streams_.back();
    }
    std::string read(ReadStream& stream, const std::string& key, uint64_t offset, size_t bytes) {
        const auto got = stream.read(ObjectKey(key), offset, bytes);
        if (!got) return "error: " + std::string(to_string(got.error().kind));
        return got->to_string();
    }
    uint64_t fetched_bytes() const {
        uint64_t sum = 0;
        for (const auto& request : store_.log()) {
            if (request.get) sum += request.get->length;
        }
        return sum;
    }
    size_t gets() const { return store_.count(StoreCall::get); }

    testing::FakeClock clock_;
    testing::MemoryStore store_{testing::MemoryService::oss(), clock_};
    testing::FaultyStore faulty_{store_};
    std::unique_ptr<Reading> reading_;
    std::vector<std::shared_ptr<ObjectReader>> readers_;
    std::vector<std::unique_ptr<ReadStream>> streams_;
};

TEST_F(ReadingTest, sequential_read_gives_the_content_with_few_requests) {
    const std::string content = content_of(32 * kMiB + 12345);
    ReadStream& stream = open("f", content);
    std::string all;
    while (all.size() < content.size()) all += read(stream, "f", all.size(), 1 * kMiB);
    EXPECT_TRUE(all == content);
    EXPECT_EQ(fetched_bytes(), content.size());
    EXPECT_LE(gets(), 36u);
}

// A kernel has two windows of read-ahead under way, cut into requests that come in any order.
TEST_F(ReadingTest, content_is_fetched_once_in_whatever_order_the_kernel_asks_for_its_pieces) {
    struct Kernel {
        size_t window;
        size_t piece;
    };
    const std::string content = content_of(10 * kMiB + 12345);
    const size_t size = content.size();
    for (const Kernel& kernel : {Kernel{128 * kKiB, 128 * kKiB}, Kernel{kMiB, 128 * kKiB},
                                 Kernel{kMiB, kMiB}, Kernel{2 * kMiB, kMiB}}) {
        for (uint64_t seed = 1; seed <= 3; ++seed) {
            SCOPED_TRACE(::testing::Message()
                         << kernel.window << " cut into " << kernel.piece << ", seed " << seed);
            ReadStream& stream = open("f", content);
            std::mt19937_64 random(seed);
            std::vector<size_t> asked;
            size_t planned = 0;
            while (planned < size || !asked.empty()) {
                const size_t oldest =
                    asked.empty() ? planned : *std::min_element(asked.begin(), asked.end());
                const size_t until = std::min(size, (oldest / kernel.window + 2) * kernel.window);
                for (; planned < until; planned += kernel.piece) asked.push_back(planned);
                std::swap(asked[random() % asked.size()], asked.back());
                const size_t at = asked.back();
                asked.pop_back();
                ASSERT_TRUE(read(stream, "f", at, kernel.piece) == content.substr(at, kernel.piece))
                    << at;
            }
            ASSERT_EQ(fetched_bytes(), size);
        }
    }
}

TEST_F(ReadingTest, small_object_is_one_get_that_asks_for_all_of_it) {
    const std::string content = content_of(100 * kKiB);
    ReadStream& stream = open("f", content);
    EXPECT_TRUE(read(stream, "f", 0, 128 * kKiB) == content);
    EXPECT_EQ(gets(), 1u);
}

TEST_F(ReadingTest, small_object_is_one_get_whichever_piece_is_asked_for_first) {
    const std::string content = content_of(1 * kMiB);
    ReadStream& stream = open("f", content);
    for (const size_t at : {128U, 384U, 0U, 256U, 512U, 640U, 896U, 768U}) {
        EXPECT_TRUE(read(stream, "f", at * kKiB, 128 * kKiB) ==
                    content.substr(at * kKiB, 128 * kKiB));
    }
    EXPECT_EQ(gets(), 1u);
}

TEST_F(ReadingTest, random_reads_of_4_KiB_fetch_4_KiB_each) {
    const std::string content = content_of(32 * kMiB);
    ReadStream& stream = open("f", content);
    std::mt19937_64 random(7);
    for (int i = 0; i < 50; ++i) {
        const size_t offset = (1 + random() % 8'000) * 4 * kKiB;
        EXPECT_TRUE(read(stream, "f", offset, 4 * kKiB) == content.substr(offset, 4 * kKiB));
    }
    EXPECT_LE(fetched_bytes(), 50u * 128 * kKiB);
    EXPECT_GE(fetched_bytes(), 50u * 4 * kKiB);
}

TEST_F(ReadingTest, several_gets_are_in_flight_while_one_reads_on) {
    const std::string content = content_of(32 * kMiB);
    ReadStream& stream = open("f", content);
    for (size_t i = 0; i < 4; ++i) read(stream, "f", i * kMiB, kMiB);
    std::vector<std::shared_ptr<testing::Gate>> gates;
    for (size_t n = 1; n <= 4; ++n) gates.push_back(faulty_.hold(StoreCall::get, "", n));
    std::thread reader([&] {
        // As a kernel does: the next ones are asked for before the first has come.
        std::latch all(20);
        for (size_t i = 4; i < 24; ++i) {
            stream.read(ObjectKey("f"), i * kMiB, kMiB, [&, i](Result<ReadBytes> got) {
                EXPECT_TRUE(got && got->to_string() == content.substr(i * kMiB, kMiB)) << i;
                all.count_down();
            });
        }
        all.wait();
    });
    for (const auto& gate : gates) gate->wait_until_reached();
    for (const auto& gate : gates) gate->release();
    reader.join();
}

TEST_F(ReadingTest, first_bytes_are_given_before_the_rest_of_their_get_has_come) {
    const std::string content = content_of(32 * kMiB);
    store_.set_piece_bytes(256 * kKiB);
    ReadStream& stream = open("f", content);
    const auto gate = faulty_.hold_body();
    EXPECT_TRUE(read(stream, "f", 0, 64 * kKiB) == content.substr(0, 64 * kKiB));
    std::thread reader([&] {
        EXPECT_TRUE(read(stream, "f", 512 * kKiB, 64 * kKiB) ==
                    content.substr(512 * kKiB, 64 * kKiB));
    });
    gate->wait_until_reached();
    gate->release();
    reader.join();
}

TEST_F(ReadingTest, reads_at_the_end_and_past_it_give_what_there_is) {
    const std::string content = content_of(3 * kMiB + 5);
    ReadStream& stream = open("f", content);
    EXPECT_EQ(read(stream, "f", content.size() - 5, 100), content.substr(content.size() - 5));
    EXPECT_EQ(read(stream, "f", content.size(), 100), "");
    EXPECT_EQ(read(stream, "f", content.size() + 1000, 100), "");
    ReadStream& empty = open("empty", "");
    EXPECT_EQ(read(empty, "empty", 0, 100), "");
    EXPECT_EQ(gets(), 0u);
}

TEST_F(ReadingTest, replaced_object_is_an_error_and_never_a_mixture) {
    const std::string content = content_of(32 * kMiB);
    ReadStream& stream = open("f", content);
    EXPECT_TRUE(read(stream, "f", 0, kMiB) == content.substr(0, kMiB));
    ASSERT_TRUE(testing::put_object(store_, "f", content_of(32 * kMiB, 1)));
    EXPECT_EQ(read(stream, "f", 20 * kMiB, kMiB), "error: precondition_failed");
}

TEST_F(ReadingTest, failed_get_is_an_error_once_and_later_reads_try_again) {
    const std::string content = content_of(8 * kMiB);
    ReadStream& stream = open("f", content);
    faulty_.fail(StoreCall::get, Error(ErrorKind::network, "injected"));
    EXPECT_EQ(read(stream, "f", 5 * kMiB, 4 * kKiB), "error: network");
    EXPECT_EQ(read(stream, "f", 5 * kMiB, 4 * kKiB), content.substr(5 * kMiB, 4 * kKiB));
}

TEST_F(ReadingTest, failure_of_what_nobody_asked_for_yet_harms_nobody) {
    const std::string content = content_of(32 * kMiB);
    ReadStream& stream = open("f", content);
    for (size_t i = 0; i < 2; ++i) read(stream, "f", i * kMiB, kMiB);
    faulty_.fail(StoreCall::get, Error(ErrorKind::network, "injected"));
    std::string all;
    int errors = 0;
    for (size_t i = 2; i < 32;) {
        const std::string piece = read(stream, "f", i * kMiB, kMiB);
        if (piece == "error: network") {
            ++errors;
            continue;
        }
        ASSERT_TRUE(piece == content.substr(i * kMiB, kMiB)) << i;
        ++i;
    }
    EXPECT_LE(errors, 1);
}

TEST_F(ReadingTest, damaged_small_object_is_read_once_more) {
    const std::string content = content_of(200 * kKiB);
    ReadStream& stream = open("f", content);
    // What HttpStore says when the CRC64 of a whole object is wrong.
    faulty_.fail(StoreCall::get, Error(ErrorKind::checksum_mismatch, "injected"));
    EXPECT_TRUE(read(stream, "f", 0, 256 * kKiB) == content);
}

TEST_F(ReadingTest, damaged_small_object_shows_no_byte) {
    const std::string content = content_of(200 * kKiB);
    ReadStream& stream = open("f", content);
    faulty_.corrupt_get();
    EXPECT_EQ(read(stream, "f", 0, 128 * kKiB), "error: checksum_mismatch");
}

TEST_F(ReadingTest, damaged_small_object_is_not_given_piece_by_piece_either) {
    const std::string content = content_of(200 * kKiB);
    ReadStream& stream = open("f", content);
    // Of a piece no service says a checksum: only the store can tell, and only of all of it.
    faulty_.fail(StoreCall::get, Error(ErrorKind::checksum_mismatch, "injected")).repeat(2);
    EXPECT_EQ(read(stream, "f", 0, 128 * kKiB), "error: checksum_mismatch");
    EXPECT_EQ(read(stream, "f", 0, 4 * kKiB), "error: checksum_mismatch");
    // Who opens it anew has it read anew.
    EXPECT_TRUE(read(open("f", content), "f", 0, 256 * kKiB) == content);
}

TEST_F(ReadingTest, object_read_by_many_gets_is_checked_as_a_whole) {
    const std::string content = content_of(20 * kMiB);
    ReadStream& good = open("good", content);
    std::string all;
    while (all.size() < content.size()) all += read(good, "good", all.size(), 512 * kKiB);
    EXPECT_TRUE(all == content);

    ReadStream& bad = open("bad", content);
    faulty_.corrupt_get().nth(3);
    std::string result;
    for (size_t i = 0; i < 40 && !result.starts_with("error"); ++i) {
        result = read(bad, "bad", i * 512 * kKiB, 512 * kKiB);
    }
    EXPECT_EQ(result, "error: checksum_mismatch") << "the last bytes are not given";
    EXPECT_EQ(read(bad, "bad", 0, 4 * kKiB), "error: checksum_mismatch");
}

TEST_F(ReadingTest, without_a_crc_of_the_service_reading_works_all_the_same) {
    testing::MemoryStore plain(testing::MemoryService::s3(), clock_);
    const std::string content = content_of(5 * kMiB);
    const auto put = testing::put_object(plain, "f", content);
    const auto reading = make_reading({}, plain);
    const auto stream = reading->open(put->etag, content.size())->stream();
    std::string all;
    while (all.size() < content.size()) all += read(*stream, "f", all.size(), 512 * kKiB);
    EXPECT_TRUE(all == content);
}

TEST_F(ReadingTest, closing_ends_what_was_fetched_ahead) {
    const std::string content = content_of(24 * kMiB);
    ReadStream& stream = open("f", content);
    testing::Gate gate;
    store_.set_hook([&](const testing::LoggedRequest& request) {
        if (request.request_class == RequestClass::data) gate.pass();
    });
    read(stream, "f", 0, kMiB);
    gate.wait_until_reached(0);
    for (size_t i = 1; i < 3 && gate.waiting() == 0; ++i) {
        stream.read(ObjectKey("f"), i * kMiB, kMiB, [](const Result<ReadBytes>&) {});
    }
    gate.wait_until_reached();
    streams_.clear();
    gate.release();
    reading_->stop();
    EXPECT_EQ(reading_->memory_used(), 0u);
    EXPECT_LT(fetched_bytes(), 8 * kMiB) << "what had not begun never began";
}

TEST_F(ReadingTest, a_key_that_stalls_holds_up_no_other) {
    open("stalls", content_of(32 * kMiB));
    const std::string content = content_of(4 * kMiB, 5);
    open("goes", content);
    const auto gate = std::make_shared<testing::Gate>();
    Fault fault;
    fault.call = StoreCall::get;
    fault.key = ObjectKey("stalls");
    fault.times = 0;
    fault.before = [gate] { gate->pass(); };
    faulty_.add(fault);
    std::vector<std::thread> readers;
    for (size_t i = 0; i < 40; ++i) {
        readers.emplace_back([&, i] { read(*streams_[0], "stalls", i * kMiB, kMiB); });
    }
    gate->wait_until_reached(8);
    EXPECT_TRUE(read(*streams_[1], "goes", 0, 1 * kMiB) == content.substr(0, kMiB));
    EXPECT_TRUE(read(*streams_[1], "goes", 3 * kMiB, 1 * kMiB) == content.substr(3 * kMiB));
    gate->release();
    for (std::thread& reader : readers) reader.join();
}

TEST_F(ReadingTest, stop_ends_reads_that_wait) {
    ReadStream& stream = open("f", content_of(4 * kMiB));
    const auto gate = faulty_.hold(StoreCall::get);
    std::thread reader([&] { EXPECT_EQ(read(stream, "f", 0, kMiB), "error: cancelled"); });
    gate->wait_until_reached();
    std::thread stopper([&] { reading_->stop(); });
    reader.join();
    gate->release();
    stopper.join();
    EXPECT_EQ(read(stream, "f", 0, kMiB), "error: cancelled");
}

TEST_F(ReadingTest, sixteen_readers_share_the_budget_and_all_get_on) {
    start({.memory_bytes_max = 32 * kMiB});
    const std::string content = content_of(24 * kMiB);
    for (int i = 0; i < 16; ++i) open("f" + std::to_string(i), content);
    std::atomic<uint64_t> most{0};
    std::vector<std::thread> readers;
    for (size_t i = 0; i < 16; ++i) {
        readers.emplace_back([&, i] {
            const std::string key = "f" + std::to_string(i);
            for (size_t at = 0; at < 24; ++at) {
                EXPECT_TRUE(read(*streams_[i], key, at * kMiB, kMiB) ==
                            content.substr(at * kMiB, kMiB));
                const uint64_t used = reading_->memory_used();
                uint64_t before = most;
                while (used > before && !most.compare_exchange_weak(before, used)) {
                }
            }
        });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_LE(most.load(), 32 * kMiB);
}

TEST_F(ReadingTest, what_idle_readers_hold_goes_to_those_who_read) {
    start({.memory_bytes_max = 32 * kMiB});
    const std::string content = content_of(48 * kMiB);
    for (int i = 0; i < 8; ++i) {
        ReadStream& stream = open("idle" + std::to_string(i), content);
        for (size_t at = 0; at < 6; ++at) {
            read(stream, "idle" + std::to_string(i), at * kMiB, kMiB);
        }
    }
    ReadStream& stream = open("busy", content);
    for (int round = 0; round < 12; ++round) {
        for (size_t at = 0; at < 48; ++at) read(stream, "busy", at * kMiB, kMiB);
    }
    store_.clear_log();
    ReadStream& last = open("last", content);
    for (size_t at = 0; at < 48; ++at) read(last, "last", at * kMiB, kMiB);
    EXPECT_LE(gets(), 44u) << "it reads ahead";
}

TEST_F(ReadingTest, thousand_reads_at_once_within_a_small_budget_all_come_right) {
    constexpr size_t kReadMax = 384 * kKiB;
    start({.memory_bytes_max = 16 * kMiB});
    const std::string content = content_of(32 * kMiB);
    for (int i = 0; i < 20; ++i) open("f", content);
    std::atomic<size_t> right{0};
    std::latch done(1000);
    const uint64_t seed = std::random_device()();
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    for (size_t i = 0; i < 1000; ++i) {
        const size_t offset = random() % (content.size() - kReadMax);
        const size_t bytes = 1 + random() % kReadMax;
        streams_[i % 20]->read(ObjectKey("f"), offset, bytes, [&, offset, bytes](auto got) {
            if (got && got->to_string() == content.substr(offset, bytes)) ++right;
            done.count_down();
        });
    }
    done.wait();
    EXPECT_EQ(right.load(), 1000u);
}

// Random reads of several streams against the plain content, with GETs that fail now and then.
TEST_F(ReadingTest, random_reads_from_many_threads_match_the_content) {
    start({.memory_bytes_max = 24 * kMiB});
    const std::string content = content_of(20 * kMiB + 777);
    const uint64_t seed = std::random_device()();
    SCOPED_TRACE(seed);
    for (int i = 0; i < 6; ++i) open("f", content);
    Fault fault;
    fault.call = StoreCall::get;
    fault.apply = false;
    fault.error = Error(ErrorKind::network, "injected");
    for (size_t i = 1; i < 40; ++i) {
        fault.skip = i * 7;
        faulty_.add(fault);
    }
    std::vector<std::thread> readers;
    for (size_t t = 0; t < 6; ++t) {
        readers.emplace_back([&, t] {
            std::mt19937_64 random(seed + t);
            uint64_t offset = 0;
            for (int i = 0; i < 300; ++i) {
                if (random() % 3 == 0) offset = random() % content.size();
                const size_t bytes = 1 + random() % (random() % 4 == 0 ? kMiB : 16 * kKiB);
                const std::string got = read(*streams_[t], "f", offset, bytes);
                if (got != "error: network") {
                    ASSERT_TRUE(got == content.substr(offset, bytes)) << offset << "+" << bytes;
                    offset += got.size();
                }
                if (offset >= content.size()) offset = 0;
            }
        });
    }
    for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace xbucket
