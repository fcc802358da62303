// SPDX-FileCopyrightText: the xbucket authors
#include "content_check.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/content_hash.h"

#include <fmt/format.h>

#include <utility>

namespace xbucket {
namespace {

template <class Word>
std::string in_base64(Word value) {
    std::string raw;
    for (int shift = static_cast<int>(sizeof(Word)) * 8 - 8; shift >= 0; shift -= 8) {
        raw += static_cast<char>((value >> shift) & 0xff);
    }
    return base64_encode(raw);
}

}  // namespace

ContentCheck::ContentCheck(Way way, Checksum expected) : way_(way), expected_(std::move(expected)) {
    if (way_ == Way::etag) hasher_.emplace(Hasher::Algorithm::md5);
    if (way_ != Way::checksum) return;
    if (expected_.kind == Checksum::Kind::sha1) hasher_.emplace(Hasher::Algorithm::sha1);
    if (expected_.kind == Checksum::Kind::sha256) hasher_.emplace(Hasher::Algorithm::sha256);
}

std::optional<ContentCheck> ContentCheck::of(const ObjectInfo& info) {
    if (info.crc64) return ContentCheck(Way::crc64, {{}, fmt::to_string(*info.crc64)});
    if (info.checksum) return ContentCheck(Way::checksum, *info.checksum);
    if (info.size <= kMd5BytesMax && etag_is_content_hash(info)) {
        return ContentCheck(Way::etag, {{}, to_lower(info.etag.str())});
    }
    return std::nullopt;
}

void ContentCheck::update(std::string_view bytes) {
    if (hasher_) return hasher_->update(bytes);
    if (way_ == Way::crc64) {
        crc_ = crc64(bytes, crc_);
        return;
    }
    switch (expected_.kind) {
        case Checksum::Kind::crc32:
            crc_ = crc32(bytes, static_cast<uint32_t>(crc_));
            break;
        case Checksum::Kind::crc32c:
            crc_ = crc32c(bytes, static_cast<uint32_t>(crc_));
            break;
        case Checksum::Kind::crc64nvme:
            crc_ = crc64nvme(bytes, crc_);
            break;
        case Checksum::Kind::sha1:
        case Checksum::Kind::sha256:
            break;  // the hasher's
    }
}

std::string ContentCheck::digest() {
    if (way_ == Way::crc64) return fmt::to_string(crc_);
    if (way_ == Way::etag) return hex_encode(hasher_->finish());
    if (hasher_) return base64_encode(hasher_->finish());
    if (expected_.kind == Checksum::Kind::crc64nvme) return in_base64(crc_);
    return in_base64(static_cast<uint32_t>(crc_));
}

ContentCheck::Verdict ContentCheck::finish() {
    Verdict verdict;
    verdict.by_etag = way_ == Way::etag;
    verdict.name = way_ == Way::crc64  ? "CRC64"
                   : way_ == Way::etag ? "MD5"
                                       : std::string(to_string(expected_.kind));
    verdict.found = digest();
    verdict.expected = expected_.value;
    verdict.right = verdict.found == verdict.expected;
    return verdict;
}

bool EtagDoubts::came_before(const ETag& etag, const std::string& md5) {
    constexpr size_t kSeenMax = 4096;
    LockGuard lock(mutex_);
    if (seen_.size() >= kSeenMax) seen_.clear();
    return !seen_.insert(etag.str() + " " + md5).second;
}

}  // namespace xbucket
