// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/store/object_types.h"

#include "xbucket/base/encoding.h"

namespace xbucket {

std::string_view to_string(HttpField field) {
    switch (field) {
        case HttpField::content_type:
            return "content-type";
        case HttpField::cache_control:
            return "cache-control";
        case HttpField::content_disposition:
            return "content-disposition";
        case HttpField::content_encoding:
            return "content-encoding";
        case HttpField::content_language:
            return "content-language";
        case HttpField::expires:
            return "expires";
    }
    return "";
}

std::string_view to_string(Checksum::Kind kind) {
    switch (kind) {
        case Checksum::Kind::crc32:
            return "crc32";
        case Checksum::Kind::crc32c:
            return "crc32c";
        case Checksum::Kind::crc64nvme:
            return "crc64nvme";
        case Checksum::Kind::sha1:
            return "sha1";
        case Checksum::Kind::sha256:
            return "sha256";
    }
    return "";
}

std::optional<uint64_t> read_crc64nvme(std::string_view text) {
    const std::optional<std::string> bytes = base64_decode(text);
    if (!bytes || bytes->size() != sizeof(uint64_t)) return std::nullopt;
    uint64_t crc = 0;
    for (const char c : *bytes) crc = (crc << 8) | static_cast<unsigned char>(c);
    return crc;
}

std::optional<uint64_t> whole_crc64(const ObjectInfo& info, Crc64Kind kind) {
    if (kind == Crc64Kind::xz) return info.crc64;
    if (!info.checksum || info.checksum->kind != Checksum::Kind::crc64nvme) return std::nullopt;
    return read_crc64nvme(info.checksum->value);
}

std::string_view to_string(ObjectType type) {
    switch (type) {
        case ObjectType::normal:
            return "normal";
        case ObjectType::multipart:
            return "multipart";
        case ObjectType::appendable:
            return "appendable";
        case ObjectType::symlink:
            return "symlink";
        case ObjectType::unknown:
            return "unknown";
    }
    return "unknown";
}

// S3's GLACIER_IR is deliberately absent: it is read at once.
bool is_archived_class(std::string_view storage_class) {
    return iequals(storage_class, "Archive") || iequals(storage_class, "ColdArchive") ||
           iequals(storage_class, "DeepColdArchive") || iequals(storage_class, "GLACIER") ||
           iequals(storage_class, "DEEP_ARCHIVE");
}

}  // namespace xbucket
