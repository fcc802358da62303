// SPDX-FileCopyrightText: the xbucket authors
// S3's additional checksums: x-amz-checksum-{crc32,crc32c,crc64nvme,sha1,sha256}, as headers or in
// the trailer of an aws-chunked body; base64 of the big-endian value.
#pragma once

#include "object_record.h"
#include "outcome.h"

#include "xbucket/base/digest.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace xbucket::local {

enum class ChecksumKind : size_t { crc32, crc32c, crc64nvme, sha1, sha256 };
constexpr size_t kChecksumKindCount = 5;
// "crc32c": as headers spell it.
std::string_view checksum_name(ChecksumKind kind);
// "ChecksumCRC32C": as XML does.
std::string checksum_element(ChecksumKind kind);
// Whatever the case. nullopt: S3 has none of that name.
std::optional<ChecksumKind> checksum_kind(std::string_view name);

// One of them, fed piece by piece.
class RunningChecksum {
  public:
    explicit RunningChecksum(ChecksumKind kind);
    void update(std::string_view bytes);
    // Raw bytes, not base64; it cannot be used after that.
    std::string finish();

  private:
    ChecksumKind kind_;
    uint64_t crc_ = 0;
    std::optional<Hasher> hasher_;
};

// Computes those checksums that were asked for while bytes pass.
class ChecksumSet {
  public:
    // nullptr when the request says nothing of checksums of its body (all requests of OSS).
    static std::unique_ptr<ChecksumSet> for_request(const Request& request);
    void update(std::string_view bytes);
    // A trailer's line, checked in finish(); others than checksums are ignored.
    void expect(std::string_view header, std::string_view value);
    // Checks and gives "checksum-NAME" attributes to store. Refusal: BadDigest.
    Outcome<Attributes> finish();

  private:
    struct Wanted {
        std::optional<RunningChecksum> running;
        std::string expected;
    };
    Wanted& want(ChecksumKind kind);

    std::array<Wanted, kChecksumKindCount> wanted_;
};

}  // namespace xbucket::local
