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

// Computes those checksums that were asked for while bytes pass.
class ChecksumSet {
  public:
    // nullptr when the request says nothing of checksums (all requests of OSS).
    static std::unique_ptr<ChecksumSet> for_request(const Request& request);
    void update(std::string_view bytes);
    // A trailer's line, checked in finish(); others than checksums are ignored.
    void expect(std::string_view header, std::string_view value);
    // Checks and gives "checksum-NAME" attributes to store. Refusal: BadDigest.
    Outcome<Attributes> finish();

  private:
    enum Kind : size_t { crc32, crc32c, crc64nvme, sha1, sha256, kind_count };
    struct Wanted {
        bool compute = false;
        std::string expected;
    };
    static std::optional<Kind> kind_of(std::string_view header);

    std::array<Wanted, kind_count> wanted_;
    uint32_t crc32_ = 0;
    uint32_t crc32c_ = 0;
    uint64_t crc64nvme_ = 0;
    std::optional<Hasher> sha1_;
    std::optional<Hasher> sha256_;
};

}  // namespace xbucket::local
