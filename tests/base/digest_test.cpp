// SPDX-FileCopyrightText: the xbucket authors
// Digests against the vectors of their standards.
#include "xbucket/base/digest.h"

#include "xbucket/base/encoding.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

namespace xbucket {
namespace {

constexpr std::string_view kMd5OfAbc = "900150983cd24fb0d6963f7d28e17f72";
constexpr std::string_view kFox = "The quick brown fox jumps over the lazy dog";

std::string sample_bytes(size_t size) {
    std::mt19937 rng(7);
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(rng() & 0xFF);
    return bytes;
}

// One bit at a time, straight from the definition.
uint64_t plain_crc64(std::string_view data, uint64_t polynomial = 0xC96C5795D7870F42U) {
    uint64_t crc = ~uint64_t{0};
    for (const char c : data) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
        }
    }
    return ~crc;
}

TEST(Digest, known_vectors) {
    EXPECT_EQ(hex_encode(sha256("")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex_encode(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex_encode(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(hex_encode(md5("abc")), kMd5OfAbc);
}

// As on a host in FIPS mode, where who asks for MD5 without a word gets none. In a process of its
// own: an algorithm is looked for once.
TEST(DigestDeathTest, md5_is_there_as_a_checksum_where_fips_forbids_it_for_security) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            const bool strict = EVP_set_default_properties(nullptr, "fips=yes") == 1 &&
                                EVP_MD_fetch(nullptr, "MD5", nullptr) == nullptr;
            const bool right = has_md5() && hex_encode(md5("abc")) == kMd5OfAbc;
            std::exit(strict && right ? 0 : 1);
        },
        ::testing::ExitedWithCode(0), "");
}

TEST(Digest, hmac_vectors) {
    // RFC 4231 case 2, RFC 2202 case 2, and the ones everybody quotes.
    EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_encode(hmac_sha1("Jefe", "what do ya want for nothing?")),
              "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    EXPECT_EQ(hex_encode(hmac_sha256("key", kFox)),
              "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    EXPECT_EQ(hex_encode(hmac_sha1("key", kFox)), "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
}

// RFC 4231 case 6.
TEST(Digest, hmac_key_longer_than_a_block_is_hashed_first) {
    EXPECT_EQ(hex_encode(hmac_sha256(std::string(131, '\xAA'),
                                     "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Digest, empty_hmac_key_is_a_key_and_not_the_previous_one) {
    hmac_sha256("another key", "data");
    const std::string kEmpty = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    EXPECT_EQ(hex_encode(hmac_sha256("", "")), kEmpty);
    EXPECT_EQ(hex_encode(hmac_sha256(std::string_view(), std::string_view())), kEmpty);
}

TEST(HmacSha256, one_key_signs_many_messages) {
    HmacSha256 key("Jefe");
    for (const char* message : {"what do ya want for nothing?", "", "another", "another"})
        EXPECT_EQ(key.of(message), hmac_sha256("Jefe", message)) << message;
    HmacSha256 other("key");
    EXPECT_EQ(other.of(kFox), hmac_sha256("key", kFox));
    EXPECT_EQ(key.of(kFox), hmac_sha256("Jefe", kFox));
    other = HmacSha256("");
    EXPECT_EQ(other.of(""), hmac_sha256("", ""));
}

TEST(Digest, threads_do_not_disturb_each_other) {
    const std::string expected = hmac_sha256("key", kFox);
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (size_t t = 0; t < wrong.size(); ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) {
                hmac_sha256(std::string(t + 1, 'x'), "noise");
                if (hmac_sha256("key", kFox) != expected) ++wrong[t];
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Hasher, pieces_give_the_digest_of_the_whole) {
    const std::string data = sample_bytes(1000);
    Hasher hasher(Hasher::Algorithm::sha256);
    hasher.update("");
    for (size_t at = 0; at < data.size(); at += 7)
        hasher.update(std::string_view(data).substr(at, 7));
    EXPECT_EQ(hasher.finish(), sha256(data));
}

TEST(Hasher, every_algorithm_matches_its_vector) {
    EXPECT_EQ(hex_encode(Hasher(Hasher::Algorithm::md5).finish()),
              "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(hex_encode(Hasher(Hasher::Algorithm::sha1).finish()),
              "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(Hasher(Hasher::Algorithm::sha256).finish(), sha256(""));
}

TEST(Hasher, moved_hasher_carries_on) {
    Hasher first(Hasher::Algorithm::md5);
    first.update("a");
    Hasher second = std::move(first);
    second.update("bc");
    EXPECT_EQ(second.finish(), md5("abc"));
}

TEST(HasherDeathTest, use_after_finish_is_a_bug_that_is_caught) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    Hasher hasher(Hasher::Algorithm::md5);
    hasher.finish();
    EXPECT_DEATH(hasher.update("x"), "CHECK failed");
}

TEST(Checksums, known_values_of_123456789) {
    EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
    EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
    EXPECT_EQ(crc64nvme("123456789"), 0xae8b14860a799888U);
}

TEST(Checksums, pieces_of_any_length_make_the_whole) {
    const std::string data = sample_bytes(100);
    for (size_t cut = 0; cut <= data.size(); ++cut) {
        const std::string_view a = std::string_view(data).substr(0, cut);
        const std::string_view b = std::string_view(data).substr(cut);
        ASSERT_EQ(crc32(b, crc32(a)), crc32(data)) << cut;
        ASSERT_EQ(crc32c(b, crc32c(a)), crc32c(data)) << cut;
        ASSERT_EQ(crc64nvme(b, crc64nvme(a)), crc64nvme(data)) << cut;
    }
}

TEST(Crc64Nvme, folded_equals_one_bit_at_a_time_at_any_length_and_alignment) {
    const std::string data = sample_bytes(400);
    for (size_t from = 0; from < 17; ++from) {
        for (size_t size = 0; from + size <= data.size(); ++size) {
            const std::string_view part = std::string_view(data).substr(from, size);
            ASSERT_EQ(crc64nvme(part), plain_crc64(part, 0x9A6C9329AC4BC9B5U))
                << from << "+" << size;
        }
    }
    const std::string large = sample_bytes(3000);
    for (size_t size = 1000; size <= large.size() - 5; size += 37) {
        const std::string_view part = std::string_view(large).substr(5, size);
        ASSERT_EQ(crc64nvme(part), plain_crc64(part, 0x9A6C9329AC4BC9B5U)) << size;
    }
    const std::string_view all = data;
    for (size_t cut = 0; cut <= data.size(); ++cut) {
        const uint64_t a = crc64nvme(all.substr(0, cut));
        const uint64_t b = crc64nvme(all.substr(cut));
        ASSERT_EQ(crc64nvme(all.substr(cut), a), crc64nvme(all)) << cut;
        ASSERT_EQ(crc64nvme_combine(a, b, data.size() - cut), crc64nvme(all)) << cut;
    }
}

TEST(Crc64, known_vectors) {
    EXPECT_EQ(crc64(""), 0U);
    EXPECT_EQ(crc64("123456789"), 11051210869376104954U);
    EXPECT_EQ(crc64("123456789"), 0x995DC9BBDF1939FAU);
}

TEST(Crc64, eight_bytes_at_a_time_equals_one_bit_at_a_time_at_any_length_and_alignment) {
    const std::string data = sample_bytes(80);
    for (size_t from = 0; from < 9; ++from) {
        for (size_t size = 0; from + size <= data.size(); ++size) {
            const std::string_view part = std::string_view(data).substr(from, size);
            ASSERT_EQ(crc64(part), plain_crc64(part)) << from << "+" << size;
        }
    }
}

TEST(Crc64, pieces_and_combination_give_the_crc_of_the_whole) {
    const std::string data = sample_bytes(300);
    const uint64_t whole = crc64(data);
    for (size_t cut = 0; cut <= data.size(); ++cut) {
        const std::string_view a = std::string_view(data).substr(0, cut);
        const std::string_view b = std::string_view(data).substr(cut);
        ASSERT_EQ(crc64(b, crc64(a)), whole) << cut;
        ASSERT_EQ(crc64_combine(crc64(a), crc64(b), b.size()), whole) << cut;
    }
}

// 2^40 bytes of zeros by doubling: (A+B)+C must equal A+(B+C) where no one can compute it.
TEST(Crc64, combination_is_associative_at_lengths_of_terabytes) {
    uint64_t zeros = crc64(std::string(1, '\0'));
    uint64_t length = 1;
    for (int i = 0; i < 40; ++i, length *= 2) zeros = crc64_combine(zeros, zeros, length);
    const uint64_t a = crc64("front");
    const uint64_t c = crc64("back");
    EXPECT_EQ(crc64_combine(crc64_combine(a, zeros, length), c, 4),
              crc64_combine(a, crc64_combine(zeros, c, 4), length + 4));
}

TEST(RandomBytes, are_as_many_as_asked_for_and_differ) {
    EXPECT_EQ(random_bytes(0), "");
    EXPECT_EQ(random_bytes(1000).size(), 1000U);
    EXPECT_NE(random_bytes(16), random_bytes(16));
}

}  // namespace
}  // namespace xbucket
