// SPDX-FileCopyrightText: the xbucket authors
// Tags, ACL, restore, symlinks, appends and presigned URLs of the in-memory bucket (protocol.md 6
// and 7). None of tags, ACL and restore moves Last-Modified.
#include "support/memory_bucket.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xbucket::testing {

namespace {

constexpr std::string_view kScheme = "memory://bucket/";

Error no_such_key() {
    return service_error(ErrorKind::not_found, 404, "NoSuchKey", "the object is not in the bucket");
}

}  // namespace

Result<Tags> MemoryBucket::get_tags(const ObjectKey& key) const {
    if (!service_.traits.tagging) return fail(ErrorKind::unsupported, "no tagging here");
    LockGuard lock(mutex_);
    const MemoryVersion* object = TRY(find(key, {}));
    return object->attributes.tags.value_or(Tags{});
}

Result<void> MemoryBucket::put_tags(const ObjectKey& key, const Tags& tags) {
    if (!service_.traits.tagging) return fail(ErrorKind::unsupported, "no tagging here");
    if (tags.size() > service_.traits.tags_max)
        return service_error(
            ErrorKind::invalid_argument, 400, "InvalidTag",
            fmt::format("{} tags, the limit is {}", tags.size(), service_.traits.tags_max));
    for (const auto& [name, value] : tags)
        if (name.empty() || name.size() > 128 || value.size() > 256)
            return service_error(ErrorKind::invalid_argument, 400, "InvalidTag",
                                 fmt::format("tag '{}' is empty or too long", printable(name)));
    LockGuard lock(mutex_);
    MemoryVersion* object = current(key);
    if (object == nullptr) return no_such_key();
    object->attributes.tags = tags.empty() ? std::nullopt : std::optional<Tags>(tags);
    return {};
}

Result<std::string> MemoryBucket::get_acl(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    const MemoryVersion* object = TRY(find(key, {}));
    return object->attributes.acl;
}

Result<void> MemoryBucket::put_acl(const ObjectKey& key, const std::string& canned) {
    constexpr std::array<std::string_view, 3> kCanned = {"private", "public-read",
                                                         "public-read-write"};
    if (canned != service_.traits.default_acl &&
        std::find(kCanned.begin(), kCanned.end(), canned) == kCanned.end())
        return service_error(ErrorKind::invalid_argument, 400, "InvalidArgument",
                             fmt::format("'{}' is not a canned ACL of this service", canned));
    LockGuard lock(mutex_);
    MemoryVersion* object = current(key);
    if (object == nullptr) return no_such_key();
    object->attributes.acl = canned;
    return {};
}

Result<ObjectLock> MemoryBucket::get_lock(const ObjectKey& key) const {
    if (!service_.locks_readable)
        return service_error(ErrorKind::access_denied, 403, "AccessDenied", "no right to read it");
    LockGuard lock(mutex_);
    const MemoryVersion* object = TRY(find(key, {}));
    return object->attributes.lock;
}

Result<void> MemoryBucket::put_lock(const ObjectKey& key, const ObjectLock& wanted,
                                    const VersionId& version) {
    LockGuard lock(mutex_);
    MemoryVersion* object = current(key);
    if (object == nullptr) return no_such_key();
    if (object->id != version)
        return service_error(ErrorKind::not_found, 404, "NoSuchVersion", "no such version");
    object->attributes.lock = wanted;
    return {};
}

Result<void> MemoryBucket::restore(const ObjectKey& key, std::optional<unsigned> days,
                                   const std::string&) {
    LockGuard lock(mutex_);
    MemoryVersion* object = current(key);
    if (object == nullptr) return no_such_key();
    const bool for_good =
        !service_.traits.class_restored_for_good.empty() &&
        object->attributes.storage_class == service_.traits.class_restored_for_good;
    if (for_good && days)
        return service_error(ErrorKind::invalid_argument, 400, "MalformedXML",
                             "the class takes no days");
    if (for_good) return {};
    if (!is_archived_class(object->attributes.storage_class) || !days)
        return service_error(ErrorKind::unsupported, 400, "OperationNotSupported",
                             "the object is not archived");
    const WallTime now = service_time();
    const auto life = std::chrono::hours(24) * static_cast<int64_t>(*days);
    if (readable_now(*object)) {  // already restored: lives on from now
        object->restore_until = now + life;
        return {};
    }
    if (object->restore_ready && now < *object->restore_ready)
        return service_error(ErrorKind::conflict, 409, "RestoreAlreadyInProgress",
                             "a restore is under way");
    object->restore_ready = now + service_.restore_takes;
    object->restore_until = *object->restore_ready + life;
    return {};
}

Result<void> MemoryBucket::put_symlink(const ObjectKey& key, const ObjectKey& target,
                                       const ObjectAttributes& attributes) {
    if (!service_.traits.native_symlinks) return fail(ErrorKind::unsupported, "no symlinks here");
    MemoryVersion version;
    version.attributes = TRY(accept(key, attributes));
    version.type = ObjectType::symlink;
    version.symlink_target = target;
    version.etag = content_etag(target.str());
    version.modified = service_time();
    LockGuard lock(mutex_);
    TRY(check_write(current(key), std::nullopt, false));
    store(key, std::move(version));
    return {};
}

Result<ObjectKey> MemoryBucket::get_symlink(const ObjectKey& key) const {
    if (!service_.traits.native_symlinks) return fail(ErrorKind::unsupported, "no symlinks here");
    LockGuard lock(mutex_);
    const MemoryVersion* object = TRY(find(key, {}));
    if (object->type != ObjectType::symlink)
        return service_error(ErrorKind::invalid_argument, 400, "NotSymlink",
                             "the object is not a symlink");
    return object->symlink_target;
}

Result<void> MemoryBucket::append(const ObjectKey& key, std::string_view bytes) {
    if (!service_.traits.appendable) return fail(ErrorKind::unsupported, "no appends here");
    LockGuard lock(mutex_);
    const MemoryVersion* existing = current(key);
    MemoryVersion version;
    std::string body;
    if (existing == nullptr) {
        version.attributes[HttpField::content_type] = service_.default_content_type;
        version.attributes.storage_class = service_.traits.default_storage_class;
        version.attributes.acl = service_.traits.default_acl;
    } else if (existing->type != ObjectType::appendable) {
        return service_error(ErrorKind::conflict, 409, "ObjectNotAppendable",
                             "the object is not appendable");
    } else {
        version = *existing;
        body = *existing->body;
    }
    body += bytes;
    version.type = ObjectType::appendable;
    version.etag = content_etag(body + fmt::format("#{}", next_id_++));  // an opaque id, not MD5
    version.body = std::make_shared<const std::string>(std::move(body));
    version.modified = service_time();
    store(key, std::move(version));
    return {};
}

Result<std::string> MemoryBucket::presign_get(const ObjectKey& key,
                                              std::chrono::seconds life) const {
    if (life <= std::chrono::seconds::zero())
        return fail(ErrorKind::invalid_argument, "a presigned URL must live for at least a second");
    return fmt::format("{}{}?expires={}", kScheme, percent_encode(key.str(), true),
                       service_time().seconds() + life.count());
}

Result<std::string> MemoryBucket::fetch(const std::string& url) const {
    const size_t question = url.rfind("?expires=");
    if (url.compare(0, kScheme.size(), kScheme) != 0 || question == std::string::npos)
        return fail(ErrorKind::invalid_argument, "not a URL of this bucket");
    const auto key =
        percent_decode(std::string_view(url).substr(kScheme.size(), question - kScheme.size()));
    const auto expires = parse_i64(std::string_view(url).substr(question + 9));
    if (!key || !expires) return fail(ErrorKind::invalid_argument, "malformed URL");
    if (service_time().seconds() > *expires)
        return service_error(ErrorKind::access_denied, 403, "AccessDenied", "Request has expired");
    GetRequest request;
    request.key = ObjectKey(*key);
    const Content content = TRY(get(request));
    return *content.body;
}

}  // namespace xbucket::testing
