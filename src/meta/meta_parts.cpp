// SPDX-FileCopyrightText: the xbucket authors
#include "meta_parts.h"

namespace xbucket {

SharedInfo MetaParts::shown(const ObjectKey& key, const SharedInfo& info) const {
    const std::vector<PendingChange> changes = behind.pending(key);
    if (changes.empty()) return info;
    auto with = std::make_shared<ObjectInfo>(*info);
    apply_pending(model, key, *info, changes, with->attributes);
    return with;
}

ObjectStat MetaParts::stat_of(const ObjectKey& key, const ObjectInfo& info,
                              TimePoint expires) const {
    ObjectStat stat;
    stat.size = info.size;
    stat.etag = info.etag;
    stat.last_modified = info.last_modified;
    stat.type = info.type;
    stat.storage_class = info.attributes.storage_class;
    if (const auto changes = behind.pending(key); !changes.empty()) {
        ObjectAttributes attributes = info.attributes;
        apply_pending(model, key, info, changes, attributes);
        stat.posix = read_posix_record(attributes);
    } else {
        stat.posix = read_posix_record(info.attributes);
    }
    stat.posix.merge(pending.get(key));
    stat.posix_known = true;
    stat.complete = true;
    stat.expires = expires;
    return stat;
}

ObjectStat MetaParts::adopt(const ObjectKey& key, const ObjectInfo& info, ChangedBy whose) {
    const TimePoint expires = cache.adopt(key, std::make_shared<const ObjectInfo>(info));
    const ObjectStat stat = stat_of(key, info, expires);
    announce(key, stat, whose);
    return stat;
}

}  // namespace xbucket
