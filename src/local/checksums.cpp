// SPDX-FileCopyrightText: the xbucket authors
#include "checksums.h"

#include "xbucket/base/encoding.h"

namespace xbucket::local {

namespace {

constexpr std::array<std::string_view, kChecksumKindCount> kNames = {"crc32", "crc32c", "crc64nvme",
                                                                     "sha1", "sha256"};

template <class Word>
std::string big_endian(Word value) {
    std::string out;
    for (int shift = static_cast<int>(sizeof(Word)) * 8 - 8; shift >= 0; shift -= 8) {
        out += static_cast<char>((value >> shift) & 0xff);
    }
    return out;
}

std::optional<ChecksumKind> kind_of_header(std::string_view header) {
    constexpr std::string_view kPrefix = "x-amz-checksum-";
    if (header.size() < kPrefix.size() || !iequals(header.substr(0, kPrefix.size()), kPrefix)) {
        return std::nullopt;
    }
    return checksum_kind(header.substr(kPrefix.size()));
}

}  // namespace

std::string_view checksum_name(ChecksumKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string checksum_element(ChecksumKind kind) {
    std::string out = "Checksum";
    for (const char c : checksum_name(kind))
        out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

std::optional<ChecksumKind> checksum_kind(std::string_view name) {
    for (size_t i = 0; i < kNames.size(); ++i) {
        if (iequals(name, kNames[i])) return static_cast<ChecksumKind>(i);
    }
    return std::nullopt;
}

RunningChecksum::RunningChecksum(ChecksumKind kind) : kind_(kind) {
    if (kind == ChecksumKind::sha1) hasher_.emplace(Hasher::Algorithm::sha1);
    if (kind == ChecksumKind::sha256) hasher_.emplace(Hasher::Algorithm::sha256);
}

void RunningChecksum::update(std::string_view bytes) {
    switch (kind_) {
        case ChecksumKind::crc32:
            crc_ = crc32(bytes, static_cast<uint32_t>(crc_));
            break;
        case ChecksumKind::crc32c:
            crc_ = crc32c(bytes, static_cast<uint32_t>(crc_));
            break;
        case ChecksumKind::crc64nvme:
            crc_ = crc64nvme(bytes, crc_);
            break;
        case ChecksumKind::sha1:
        case ChecksumKind::sha256:
            hasher_->update(bytes);
            break;
    }
}

std::string RunningChecksum::finish() {
    if (hasher_) return hasher_->finish();
    if (kind_ == ChecksumKind::crc64nvme) return big_endian(crc_);
    return big_endian(static_cast<uint32_t>(crc_));
}

ChecksumSet::Wanted& ChecksumSet::want(ChecksumKind kind) {
    Wanted& wanted = wanted_[static_cast<size_t>(kind)];
    if (!wanted.running) wanted.running.emplace(kind);
    return wanted;
}

std::unique_ptr<ChecksumSet> ChecksumSet::for_request(const Request& request) {
    // What completes an upload names the object's checksum, not that of the list of parts.
    if (request.oss() || (request.method == "POST" && request.param("uploadId") != nullptr)) {
        return nullptr;
    }
    auto set = std::make_unique<ChecksumSet>();
    bool any = false;
    for (const auto& header : request.headers) {
        if (const auto kind = kind_of_header(header.name)) {
            set->want(*kind).expected = std::string(trim_ows(header.value));
            any = true;
        }
    }
    // "x-amz-trailer: x-amz-checksum-crc32": the value comes behind the body.
    if (const auto kind = kind_of_header(trim_ows(request.header("x-amz-trailer")))) {
        set->want(*kind);
        any = true;
    }
    if (!any) return nullptr;
    return set;
}

void ChecksumSet::update(std::string_view bytes) {
    for (Wanted& wanted : wanted_) {
        if (wanted.running) wanted.running->update(bytes);
    }
}

void ChecksumSet::expect(std::string_view header, std::string_view value) {
    if (const auto kind = kind_of_header(header)) {
        wanted_[static_cast<size_t>(*kind)].expected = std::string(value);
    }
}

Outcome<Attributes> ChecksumSet::finish() {
    Attributes stored;
    for (size_t i = 0; i < wanted_.size(); ++i) {
        if (!wanted_[i].running) continue;
        std::string text = base64_encode(wanted_[i].running->finish());
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
