// SPDX-FileCopyrightText: the xbucket authors
// ListObjectsV2 of the in-memory bucket: bytewise order, common prefixes, opaque tokens.
#include "support/memory_bucket.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::testing {

namespace {

// The least string greater than every string that starts with `prefix`; "" = there is none.
std::string after_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
    if (!prefix.empty())
        prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

}  // namespace

// The token is the last item given: a key, or a common prefix (told apart by one letter).
Result<ListPage> MemoryBucket::list(const ListRequest& request) const {
    if (request.keys_max > service_.traits.list_keys_max && service_.list_over_max_refused)
        return service_error(
            ErrorKind::invalid_argument, 400, "InvalidArgument",
            fmt::format("max-keys {} is over {}", request.keys_max, service_.traits.list_keys_max));
    const unsigned keys_max = std::min(request.keys_max, service_.traits.list_keys_max);
    LockGuard lock(mutex_);
    ListPage page;
    page.date = told(service_time());
    page.begun = clock_.now();
    std::string from = request.prefix;  // first key that may appear
    std::string after = request.start_after;
    if (!request.token.empty()) {
        after.clear();
        const auto decoded = hex_decode(request.token);
        if (!decoded || decoded->empty())
            return service_error(ErrorKind::invalid_argument, 400, "InvalidArgument",
                                 "the continuation token is not one of ours");
        if (decoded->front() == 'p') {
            from = after_prefix(decoded->substr(1));
            if (from.empty()) return page;
        } else {
            after = decoded->substr(1);
        }
    }
    auto item = objects_.lower_bound(std::max(from, after));
    std::string last;
    unsigned given = 0;
    while (item != objects_.end() &&
           item->first.compare(0, request.prefix.size(), request.prefix) == 0) {
        const auto& [key, versions] = *item;
        if (versions.back().delete_marker || (!after.empty() && key <= after)) {
            ++item;
            continue;
        }
        const size_t cut = request.delimiter.empty()
                               ? std::string::npos
                               : key.find(request.delimiter, request.prefix.size());
        std::string common;
        if (cut != std::string::npos) {
            common = key.substr(0, cut + request.delimiter.size());
            const std::string next = after_prefix(common);
            // A start_after inside a common prefix leaves that prefix out (servers.md).
            if (!after.empty() && common <= after) {
                item = next.empty() ? objects_.end() : objects_.lower_bound(next);
                continue;
            }
        }
        if (given == keys_max) {
            if (keys_max != 0) page.next_token = hex_encode(last);
            break;
        }
        ++given;
        if (!common.empty()) {
            last = "p" + common;
            const std::string next = after_prefix(common);
            page.common_prefixes.push_back(std::move(common));
            item = next.empty() ? objects_.end() : objects_.lower_bound(next);
            continue;
        }
        const MemoryVersion& version = versions.back();
        ListEntry entry;
        entry.key = ObjectKey(key);
        entry.size = version.body->size();
        entry.etag = version.etag;
        entry.last_modified = told(version.modified);
        entry.type = service_.type_told ? version.type : ObjectType::unknown;
        if (service_.traits.storage_class_listed)
            entry.storage_class = version.attributes.storage_class;
        page.objects.push_back(std::move(entry));
        last = "k" + key;
        ++item;
    }
    return page;
}

VersionList MemoryBucket::list_versions(const ObjectKey& key, size_t versions_max) const {
    VersionList list;
    LockGuard lock(mutex_);
    const auto item = objects_.find(key.str());
    if (item == objects_.end()) return list;
    const Versions& stored = item->second;
    for (auto version = stored.rbegin(); version != stored.rend(); ++version) {
        if (list.versions.size() == versions_max) {
            list.more = true;
            break;
        }
        ObjectVersion told_version;
        told_version.id = version->id.empty() ? VersionId("null") : version->id;
        told_version.latest = version == stored.rbegin();
        told_version.delete_marker = version->delete_marker;
        told_version.last_modified = told(version->modified);
        if (!version->delete_marker) {
            told_version.size = version->body->size();
            told_version.etag = version->etag;
            told_version.storage_class = version->attributes.storage_class;
        }
        list.versions.push_back(std::move(told_version));
    }
    return list;
}

}  // namespace xbucket::testing
