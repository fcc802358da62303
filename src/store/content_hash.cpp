// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/store/content_hash.h"

#include "xbucket/base/encoding.h"

#include <algorithm>

namespace xbucket {

bool etag_is_content_hash(const ObjectInfo& info) {
    constexpr size_t kMd5Digits = 32;
    const std::string& etag = info.etag.str();
    if (info.type != ObjectType::normal || etag.size() != kMd5Digits) return false;
    if (to_lower(info.attributes.sse.algorithm).find("kms") != std::string::npos) return false;
    if (info.attributes.sse.customer_key) return false;
    return std::all_of(etag.begin(), etag.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

bool shows_other_content(const ObjectInfo& a, const ObjectInfo& b) {
    if (a.size != b.size) return true;
    if (a.crc64 && b.crc64) return *a.crc64 != *b.crc64;
    return etag_is_content_hash(a) && etag_is_content_hash(b) &&
           !iequals(a.etag.str(), b.etag.str());
}

}  // namespace xbucket
