// SPDX-FileCopyrightText: the xbucket authors
#include "checksums.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"crc32", "crc32c", "crc64nvme", "sha1",
                                                    "sha256"};

template <class Word>
std::string big_endian(Word value) {
    std::string out;
    for (int shift = static_cast<int>(sizeof(Word)) * 8 - 8; shift >= 0; shift -= 8) {
        out += static_cast<char>((value >> shift) & 0xff);
    }
    return out;
}

}  // namespace

std::optional<ChecksumSet::Kind> ChecksumSet::kind_of(std::string_view header) {
    const std::string name = to_lower(header);
    if (!name.starts_with("x-amz-checksum-")) return std::nullopt;
    for (size_t i = 0; i < kNames.size(); ++i) {
        if (std::string_view(name).substr(15) == kNames[i]) return static_cast<Kind>(i);
    }
    return std::nullopt;
}

std::unique_ptr<ChecksumSet> ChecksumSet::for_request(const Request& request) {
    if (request.oss()) return nullptr;
    auto set = std::make_unique<ChecksumSet>();
    bool any = false;
    for (const auto& header : request.headers) {
        if (const auto kind = kind_of(header.name)) {
            set->wanted_[*kind] = {true, std::string(trim_ows(header.value))};
            any = true;
        }
    }
    // "x-amz-trailer: x-amz-checksum-crc32": the value comes behind the body.
    if (const auto kind = kind_of(trim_ows(request.header("x-amz-trailer")))) {
        set->wanted_[*kind].compute = true;
        any = true;
    }
    if (!any) return nullptr;
    if (set->wanted_[sha1].compute) set->sha1_.emplace(Hasher::Algorithm::sha1);
    if (set->wanted_[sha256].compute) set->sha256_.emplace(Hasher::Algorithm::sha256);
    return set;
}

void ChecksumSet::update(std::string_view bytes) {
    if (wanted_[crc32].compute) crc32_ = xbucket::crc32(bytes, crc32_);
    if (wanted_[crc32c].compute) crc32c_ = xbucket::crc32c(bytes, crc32c_);
    if (wanted_[crc64nvme].compute) crc64nvme_ = xbucket::crc64nvme(bytes, crc64nvme_);
    if (sha1_) sha1_->update(bytes);
    if (sha256_) sha256_->update(bytes);
}

void ChecksumSet::expect(std::string_view header, std::string_view value) {
    if (const auto kind = kind_of(header)) wanted_[*kind].expected = std::string(value);
}

Outcome<Attributes> ChecksumSet::finish() {
    Attributes stored;
    for (size_t i = 0; i < kind_count; ++i) {
        if (!wanted_[i].compute) continue;
        std::string raw;
        switch (static_cast<Kind>(i)) {
            case crc32:
                raw = big_endian(crc32_);
                break;
            case crc32c:
                raw = big_endian(crc32c_);
                break;
            case crc64nvme:
                raw = big_endian(crc64nvme_);
                break;
            case sha1:
                raw = sha1_->finish();
                break;
            case sha256:
                raw = sha256_->finish();
                break;
            case kind_count:
                break;
        }
        std::string text = base64_encode(raw);
        if (wanted_[i].expected != text) {
            return Refusal(400, "BadDigest",
                           "The " + std::string(kNames[i]) +
                               " you specified did not match the calculated checksum.");
        }
        stored.set(AttributeKind::system, "checksum-" + std::string(kNames[i]), std::move(text));
    }
    return stored;
}

}  // namespace xbucket::local
