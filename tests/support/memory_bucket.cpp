// SPDX-FileCopyrightText: the xbucket authors
// Objects of the in-memory bucket: reading, writing, deleting. Copies, listings, uploads and
// subresources have files of their own.
#include "support/memory_bucket.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/http/message.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::testing {

namespace {

std::string latin1_to_utf8(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xC0 | (byte >> 6));
            out += static_cast<char>(0x80 | (byte & 0x3F));
        }
    }
    return out;
}

bool has_high_bytes(std::string_view bytes) {
    return std::any_of(bytes.begin(), bytes.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

Error service_error(ErrorKind kind, int status, std::string code, std::string message) {
    Error error(kind, std::move(message));
    error.http_status = status;
    error.code = std::move(code);
    error.request_id = "memory";
    return error;
}

MemoryBucket::MemoryBucket(MemoryService service, Clock& clock)
    : service_(std::move(service)), clock_(clock) {}

WallTime MemoryBucket::service_time() const { return clock_.wall_now() + service_.clock_offset; }

const MemoryVersion* MemoryBucket::current(const ObjectKey& key) const {
    const auto found = objects_.find(key.str());
    if (found == objects_.end() || found->second.back().delete_marker) return nullptr;
    return &found->second.back();
}

MemoryVersion* MemoryBucket::current(const ObjectKey& key) {
    const auto found = objects_.find(key.str());
    if (found == objects_.end() || found->second.back().delete_marker) return nullptr;
    return &found->second.back();
}

Result<const MemoryVersion*> MemoryBucket::find(const ObjectKey& key,
                                                const VersionId& version) const {
    if (version.empty()) {
        const MemoryVersion* object = current(key);
        if (object == nullptr)
            return service_error(ErrorKind::not_found, 404, "NoSuchKey",
                                 fmt::format("'{}' is not in the bucket", printable(key.str())));
        return object;
    }
    if (const auto found = objects_.find(key.str()); found != objects_.end()) {
        for (const MemoryVersion& candidate : found->second)
            if (candidate.id == version && !candidate.delete_marker) return &candidate;
    }
    return service_error(ErrorKind::not_found, 404, "NoSuchVersion", "no such version");
}

// One hop; a link to a link is an error of its own (protocol.md 2.2).
Result<const MemoryVersion*> MemoryBucket::symlink_end(const MemoryVersion& link) const {
    const MemoryVersion* target = current(link.symlink_target);
    if (target == nullptr)
        return service_error(ErrorKind::not_found, 404, "SymlinkTargetNotExist",
                             "the target of the symlink is not in the bucket");
    if (target->type == ObjectType::symlink)
        return service_error(ErrorKind::invalid_argument, 400, "InvalidTargetType",
                             "the target of the symlink is a symlink");
    return target;
}

uint64_t MemoryVersion::crc64() const {
    if (counted_body != body) {
        counted_crc = xbucket::crc64(*body);
        counted_body = body;
    }
    return counted_crc;
}

MemoryVersion& MemoryBucket::store(const ObjectKey& key, MemoryVersion version) {
    Versions& versions = objects_[key.str()];
    if (service_.versioning.empty()) {
        versions.clear();
    } else if (service_.versioning == "Suspended") {
        version.id = VersionId("null");
        std::erase_if(versions, [](const MemoryVersion& v) { return v.id.str() == "null"; });
    } else {
        version.id = VersionId(fmt::format("v{:08}", next_id_++));
    }
    versions.push_back(std::move(version));
    return versions.back();
}

bool MemoryBucket::readable_now(const MemoryVersion& version) const {
    if (!is_archived_class(version.attributes.storage_class)) return true;
    const WallTime now = service_time();
    return version.restore_ready && *version.restore_ready <= now && version.restore_until &&
           now < *version.restore_until;
}

ObjectInfo MemoryBucket::describe(const MemoryVersion& version) const {
    ObjectInfo info;
    info.attributes = version.attributes;
    info.attributes.acl.clear();
    info.attributes.tags.reset();
    if (service_.locks_hidden) info.attributes.lock = {};
    if (!service_.default_class_told &&
        info.attributes.storage_class == service_.traits.default_storage_class)
        info.attributes.storage_class.clear();
    info.etag = version.etag;
    info.size = version.body->size();
    info.last_modified = told(version.modified);
    info.date = told(service_time());
    info.type = service_.type_told ? version.type : ObjectType::normal;
    info.version_id = version.id;
    if (service_.crc64) info.crc64 = version.crc64();
    if (version.type == ObjectType::appendable) info.next_append_position = version.body->size();
    const size_t tags = version.attributes.tags ? version.attributes.tags->size() : 0;
    if (service_.tag_count_told && (tags > 0 || service_.zero_tags_told)) {
        info.tag_count = static_cast<unsigned>(tags);
    }
    info.missing_metadata = version.missing_metadata;
    info.request_id = "memory";
    if (version.restore_ready && service_time() < *version.restore_ready) {
        info.restore = "ongoing-request=\"true\"";
    } else if (version.restore_until && service_time() < *version.restore_until) {
        info.restore = fmt::format("ongoing-request=\"false\", expiry-date=\"{}\"",
                                   format_http_date(*version.restore_until));
    }
    return info;
}

Result<ObjectInfo> MemoryBucket::head(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    const MemoryVersion* object = TRY(find(key, {}));
    ObjectInfo info = describe(*object);
    if (object->type == ObjectType::symlink) {
        // Length, ETag and class are the target's, the rest is the link's (protocol.md 2.1).
        const MemoryVersion* target = TRY(symlink_end(*object));
        info.etag = target->etag;
        info.size = target->body->size();
        info.attributes.storage_class = target->attributes.storage_class;
        info.last_modified = std::max(info.last_modified, told(target->modified));
        if (service_.crc64) info.crc64 = target->crc64();
    }
    return info;
}

Result<MemoryBucket::Content> MemoryBucket::get(const GetRequest& request) const {
    LockGuard lock(mutex_);
    const MemoryVersion* object = TRY(find(request.key, request.version));
    Content content;
    content.info = describe(*object);
    if (object->type == ObjectType::symlink) {
        object = TRY(symlink_end(*object));
        content.info.etag = object->etag;
        content.info.size = object->body->size();
    }
    if (!readable_now(*object))
        return service_error(ErrorKind::archived, 403, "InvalidObjectState",
                             "the object is archived and must be restored before it can be read");
    if (!request.if_match.empty() && request.if_match != object->etag)
        return service_error(ErrorKind::precondition_failed, 412, "PreconditionFailed",
                             "If-Match does not hold");
    content.body = object->body;
    const uint64_t size = object->body->size();
    const bool ranged = request.offset != 0 || request.length != 0;
    if (ranged && request.offset >= size)
        return service_error(
            ErrorKind::bad_range, 416, "InvalidRange",
            fmt::format("offset {} is past the end, {} bytes", request.offset, size));
    content.offset = request.offset;
    content.length = size - request.offset;
    if (request.length != 0) content.length = std::min(content.length, request.length);
    return content;
}

Result<void> MemoryBucket::check_key(const ObjectKey& key) const {
    if (key.empty())
        return service_error(ErrorKind::invalid_name, 400, "InvalidObjectName", "the key is empty");
    if (key.size() > service_.traits.key_bytes_max)
        return service_error(ErrorKind::name_too_long, 400, "KeyTooLongError",
                             fmt::format("the key has {} bytes, the limit is {}", key.size(),
                                         service_.traits.key_bytes_max));
    const char first = key.str().front();
    if (service_.leading_slash_refused && (first == '/' || first == '\\'))
        return service_error(ErrorKind::invalid_name, 400, "InvalidObjectName",
                             "a key may not start with a slash or backslash");
    return {};
}

Result<UserMetadata> MemoryBucket::accept_metadata(const UserMetadata& sent) const {
    UserMetadata kept;
    uint64_t total = 0;
    for (const auto& [sent_name, sent_value] : sent) {
        if (!is_safe_header_name(sent_name) || !is_safe_header_value(sent_value))
            return fail(ErrorKind::invalid_argument,
                        fmt::format("metadata '{}' cannot be sent", printable(sent_name)));
        std::string name = to_lower(sent_name);
        if (service_.underscore_becomes_hyphen) std::replace(name.begin(), name.end(), '_', '-');
        // On OSS the header is dropped before the signature is checked (protocol.md 4.3).
        if (name.find_first_not_of(service_.name_alphabet) != std::string::npos)
            return service_error(ErrorKind::bad_credentials, 403, "SignatureDoesNotMatch",
                                 fmt::format("metadata name '{}' has a character that the service "
                                             "does not take",
                                             printable(name)));
        if (service_.name_bytes_max != 0 && name.size() > service_.name_bytes_max)
            return service_error(ErrorKind::server_error, 500, "UnknownError", "");
        std::string value(trim_ows(sent_value));
        total += service_.traits.metadata_bytes_per_name + name.size() + value.size();
        if (service_.latin1_metadata && has_high_bytes(value))
            value = encode_rfc2047_b(latin1_to_utf8(value));
        kept[std::move(name)] = std::move(value);
    }
    if (service_.metadata_bytes_enforced != 0 && total > service_.metadata_bytes_enforced)
        return service_error(ErrorKind::no_attribute_space, 400, "MetadataTooLarge",
                             fmt::format("the metadata has {} bytes, the limit is {}", total,
                                         service_.metadata_bytes_enforced));
    if (service_.entries_max_silent != 0 && kept.size() > service_.entries_max_silent) kept.clear();
    return kept;
}

Result<ObjectAttributes> MemoryBucket::accept(const ObjectKey& key, ObjectAttributes sent) const {
    TRY(check_key(key));
    sent.user = TRY(accept_metadata(sent.user));
    for (auto& field : sent.http) {
        if (!field) continue;
        if (!is_safe_header_value(*field))
            return fail(ErrorKind::invalid_argument, "a header value has control bytes");
        field = std::string(trim_ows(*field));
    }
    if (!sent[HttpField::content_type] || sent[HttpField::content_type]->empty())
        sent[HttpField::content_type] = service_.default_content_type;
    if (sent.storage_class.empty()) sent.storage_class = service_.traits.default_storage_class;
    if (sent.acl.empty()) sent.acl = service_.traits.default_acl;
    if (!service_.locks_ride_along) sent.lock = {};
    if (sent.tags && sent.tags->size() > service_.traits.tags_max)
        return service_error(
            ErrorKind::invalid_argument, 400, "InvalidTag",
            fmt::format("{} tags, the limit is {}", sent.tags->size(), service_.traits.tags_max));
    return sent;
}

Result<void> MemoryBucket::check_write(const MemoryVersion* existing,
                                       const std::optional<ETag>& if_match,
                                       bool must_not_exist) const {
    using Conditions = MemoryService::DestinationConditions;
    if (if_match && service_.put_if_match == Conditions::refused)
        return service_error(ErrorKind::unsupported, 400, "NotImplemented",
                             "If-Match on a write is not implemented");
    if (if_match && service_.put_if_match == Conditions::honoured &&
        (existing == nullptr || existing->etag != *if_match))
        return service_error(ErrorKind::precondition_failed, 412, "PreconditionFailed",
                             "If-Match does not hold");
    const bool heeded =
        service_.put_must_not_exist &&
        !(service_.must_not_exist_ignored_when_versioned && !service_.versioning.empty());
    if (must_not_exist && heeded && existing != nullptr)
        return service_error(ErrorKind::already_exists, 409, "FileAlreadyExists",
                             "the object exists already");
    if (existing != nullptr && existing->immutable && service_.versioning.empty())
        return service_error(ErrorKind::not_permitted, 409, "FileImmutable",
                             "the object is under a retention policy");
    return {};
}

Result<PutReply> MemoryBucket::put(const PutRequest& request, SharedBytes body) {
    ObjectAttributes attributes = TRY(accept(request.key, request.attributes));
    if (body->size() > service_.traits.put_bytes_max)
        return service_error(ErrorKind::file_too_large, 400, "EntityTooLarge", "body is too large");
    LockGuard lock(mutex_);
    TRY(check_write(current(request.key), request.if_match, request.must_not_exist));
    MemoryVersion version;
    version.etag = content_etag(*body);
    version.body = std::move(body);
    version.attributes = std::move(attributes);
    version.modified = service_time();
    const MemoryVersion& stored = store(request.key, std::move(version));
    PutReply reply{stored.etag, stored.id, told(service_time()), std::nullopt};
    if (service_.crc64) reply.crc64 = stored.crc64();
    return reply;
}

Result<void> MemoryBucket::remove(const ObjectKey& key, const ETag& if_match) {
    LockGuard lock(mutex_);
    const MemoryVersion* existing = current(key);
    using Conditions = MemoryService::DestinationConditions;
    if (!if_match.empty() && service_.copy_destination == Conditions::refused)
        return service_error(ErrorKind::unsupported, 400, "NotImplemented",
                             "If-Match on a delete is not implemented");
    if (!if_match.empty() && service_.copy_destination == Conditions::honoured &&
        existing != nullptr && existing->etag != if_match)
        return service_error(ErrorKind::precondition_failed, 412, "PreconditionFailed",
                             "If-Match does not hold");
    if (existing == nullptr) return {};
    if (service_.versioning.empty()) {
        if (existing->immutable)
            return service_error(ErrorKind::not_permitted, 409, "FileImmutable",
                                 "the object is under a retention policy");
        objects_.erase(key.str());
        return {};
    }
    MemoryVersion marker;
    marker.delete_marker = true;
    marker.modified = service_time();
    store(key, std::move(marker));
    return {};
}

ETag MemoryBucket::content_etag(std::string_view body) const {
    std::string text = hex_encode(md5(body));
    if (service_.etag_upper_case)
        std::transform(text.begin(), text.end(), text.begin(), [](char c) {
            return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
        });
    return ETag(std::move(text));
}

bool MemoryBucket::alter(const ObjectKey& key, const std::function<void(MemoryVersion&)>& change) {
    LockGuard lock(mutex_);
    MemoryVersion* object = current(key);
    if (object == nullptr) return false;
    change(*object);
    return true;
}

std::optional<MemoryVersion> MemoryBucket::peek(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    const MemoryVersion* object = current(key);
    if (object == nullptr) return std::nullopt;
    return *object;
}

std::vector<MemoryVersion> MemoryBucket::versions(const ObjectKey& key) const {
    LockGuard lock(mutex_);
    const auto found = objects_.find(key.str());
    if (found == objects_.end()) return {};
    return {found->second.rbegin(), found->second.rend()};
}

size_t MemoryBucket::object_count() const {
    LockGuard lock(mutex_);
    size_t count = 0;
    for (const auto& [key, versions] : objects_)
        if (!versions.back().delete_marker) ++count;
    return count;
}

}  // namespace xbucket::testing
