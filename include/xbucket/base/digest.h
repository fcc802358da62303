// SPDX-FileCopyrightText: the xbucket authors
// Digests and MACs over bytes in memory, from OpenSSL's EVP interface. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace xbucket {

// Raw digest bytes (not hex).
std::string sha256(std::string_view data);
std::string md5(std::string_view data);
// False where the system forbids MD5 altogether; digests of that kind end the process then.
bool has_md5();
std::string hmac_sha256(std::string_view key, std::string_view data);
std::string hmac_sha1(std::string_view key, std::string_view data);

// HMAC-SHA256 of many messages with one key. Not thread-safe.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view key);
    ~HmacSha256();
    HmacSha256(HmacSha256&&) noexcept;
    HmacSha256& operator=(HmacSha256&&) noexcept;
    std::string of(std::string_view data);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// A digest that is fed piece by piece.
class Hasher {
  public:
    enum class Algorithm { md5, sha256, sha1 };
    explicit Hasher(Algorithm algorithm);
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    void update(std::string_view data);
    // Raw bytes; the hasher cannot be used after it.
    std::string finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// CRC-64/XZ (ECMA-182 reflected), OSS's x-oss-hash-crc64ecma (protocol.md 6).
// crc64("123456789") == 11051210869376104954. Feed pieces by passing the last result as `crc`.
uint64_t crc64(std::string_view data, uint64_t crc = 0);
// CRC of A+B from the CRC of A, the CRC of B and B's length.
uint64_t crc64_combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b);

// The checksums that S3 may have of an object, by their "123456789": cbf43926, e3069283 and
// ae8b14860a799888. Pieces as above.
uint32_t crc32(std::string_view data, uint32_t crc = 0);
uint32_t crc32c(std::string_view data, uint32_t crc = 0);
uint64_t crc64nvme(std::string_view data, uint64_t crc = 0);
uint64_t crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b);

// The CRC64 that a service tells: OSS the one, S3 the other.
enum class Crc64Kind { xz, nvme };
uint64_t crc64(Crc64Kind kind, std::string_view data, uint64_t crc);
uint64_t crc64_combine(Crc64Kind kind, uint64_t crc_a, uint64_t crc_b, uint64_t length_b);

// `n` random bytes from the system, for key material and names that must not be guessed.
std::string random_bytes(size_t n);
// Random, for generators of jitter; `seed` itself where it is not 0, as tests want it.
uint64_t seed_or_random(uint64_t seed);

}  // namespace xbucket
