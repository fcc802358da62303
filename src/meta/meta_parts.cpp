// SPDX-FileCopyrightText: the xbucket authors
#include "meta_parts.h"

#include "posix_entry.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <string>

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
        // What has to yield to them is kept for when there is room again.
        PosixRecord yields = lost_between(info.attributes, attributes);
        for (const PendingChange& change : changes)
            if (change.name.kind == AttrKind::user_metadata) clear_member(yields, change.name.bare);
        stat.posix.merge(yields);
    } else {
        stat.posix = read_posix_record(info.attributes);
    }
    if (const PendingRecord posix = pending.get(key); !posix.empty())
        stat.posix.merge(meant_for(posix, info, info.etag));
    stat.posix_known = true;
    stat.complete = true;
    stat.expires = expires;
    return stat;
}

std::optional<PosixBase> MetaParts::posix_base(const ObjectKey& key) {
    bool absent = false;
    const auto known = cache.find_stat(key, &absent);
    if (!known || absent) return std::nullopt;
    PosixBase base{known->etag, known->size, std::nullopt};
    if (known->posix_known) base.recorded = known->posix;
    return base;
}

void MetaParts::keep_without_room(const ObjectKey& key, const PosixRecord& left,
                                  const std::optional<PosixBase>& now) {
    log_no_room(key, pending.park(key, left, now));
}

void MetaParts::log_no_room(const ObjectKey& key, const PosixRecord& left) {
    if (left.empty()) return;
    ObjectAttributes names;
    write_posix_record(left, names);
    std::string list;
    for (const auto& [name, value] : names.user) list += (list.empty() ? "" : ", ") + name;
    log_warning("meta", "key={} not recorded, as the object's metadata has no room for it: {}",
                printable(key.str()), list);
}

void MetaParts::log_outlived(const ObjectKey& key) {
    log_info("meta",
             "key={} another client replaced the content before a change of mode, owner or times "
             "was recorded; what its object says of them stands",
             printable(key.str()));
}

ObjectStat MetaParts::adopt(const ObjectKey& key, const ObjectInfo& info, const ETag& edited) {
    const TimePoint expires = cache.adopt(key, std::make_shared<const ObjectInfo>(info));
    ObjectStat stat = stat_of(key, info, expires);
    stat.edited = edited;
    announce(key, stat);
    return stat;
}

}  // namespace xbucket
