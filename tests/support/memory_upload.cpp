// SPDX-FileCopyrightText: the xbucket authors
// Multipart uploads of the in-memory bucket (protocol.md 6).
#include "support/memory_bucket.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::testing {

namespace {

Error no_such_upload() {
    return service_error(ErrorKind::not_found, 404, "NoSuchUpload",
                         "the upload does not exist; it was completed or aborted");
}

}  // namespace

Result<UploadId> MemoryBucket::create_upload(const ObjectKey& key,
                                             const ObjectAttributes& attributes) {
    Upload upload;
    upload.key = key;
    upload.attributes = TRY(accept(key, attributes));
    if (!service_.tags_ride_along_copies) upload.attributes.tags.reset();
    upload.initiated = service_time();
    LockGuard lock(mutex_);
    std::string id = fmt::format("upload{:08}", next_id_++);
    uploads_.emplace(id, std::move(upload));
    return UploadId(std::move(id));
}

Result<UploadPart> MemoryBucket::upload_part(const ObjectKey& key, const UploadId& id,
                                             unsigned number, SharedBytes body) {
    if (number < 1 || number > service_.traits.parts_max)
        return service_error(ErrorKind::invalid_argument, 400, "InvalidArgument",
                             fmt::format("part number {}", number));
    if (body->size() > service_.traits.part_bytes_max)
        return service_error(ErrorKind::file_too_large, 400, "EntityTooLarge", "part is too large");
    LockGuard lock(mutex_);
    const auto found = uploads_.find(id.str());
    if (found == uploads_.end() || found->second.key != key) return no_such_upload();
    const UploadPart part{number, content_etag(*body), body->size()};
    found->second.parts[number] = Part{std::move(body), part.etag};
    return part;
}

// The first append makes the object; its metadata stays as it is then.
Result<PutReply> MemoryBucket::append(const ObjectKey& key, uint64_t position,
                                      const std::string& bytes) {
    if (!service_.traits.appendable) {
        return service_error(ErrorKind::unsupported, 501, "NotImplemented", "no AppendObject here");
    }
    LockGuard lock(mutex_);
    const MemoryVersion* object = current(key);
    const bool appendable = object == nullptr || object->type == ObjectType::appendable;
    if (!appendable || position != (object == nullptr ? 0 : object->body->size())) {
        return service_error(appendable ? ErrorKind::conflict : ErrorKind::unsupported, 409,
                             appendable ? "PositionNotEqualToLength" : "ObjectNotAppendable",
                             "the append does not fit the object");
    }
    MemoryVersion version = object == nullptr ? MemoryVersion{} : *object;
    version.type = ObjectType::appendable;
    const std::string before = version.body ? *version.body : "";
    version.body = std::make_shared<const std::string>(before + bytes);
    version.etag = content_etag(*version.body);
    version.modified = service_time();
    const MemoryVersion& stored = store(key, std::move(version));
    PutReply reply{stored.etag, stored.id, told(service_time()), std::nullopt};
    if (service_.crc64) reply.crc64 = stored.crc64();
    return reply;
}

Result<UploadPart> MemoryBucket::upload_part_copy(const ObjectKey& key, const UploadId& id,
                                                  unsigned number, const ObjectKey& source,
                                                  uint64_t offset, uint64_t length,
                                                  const ETag& source_if_match) {
    SharedBytes piece;
    {
        LockGuard lock(mutex_);
        const MemoryVersion* object = TRY(find(source, {}));
        if (!readable_now(*object))
            return service_error(ErrorKind::archived, 403, "InvalidObjectState",
                                 "the source is archived and must be restored first");
        if (!source_if_match.empty() && service_.copy_conditions && object->etag != source_if_match)
            return service_error(ErrorKind::precondition_failed, 412, "PreconditionFailed",
                                 "copy-source-if-match does not hold");
        if (length == 0 || offset + length > object->body->size())
            return service_error(ErrorKind::bad_range, 416, "InvalidRange",
                                 "the range is not inside the source");
        piece = std::make_shared<const std::string>(object->body->substr(offset, length));
    }
    return upload_part(key, id, number, std::move(piece));
}

Result<PutReply> MemoryBucket::complete_upload(const ObjectKey& key, const UploadId& id,
                                               const std::vector<UploadPart>& parts,
                                               const std::optional<ETag>& if_match) {
    LockGuard lock(mutex_);
    const auto found = uploads_.find(id.str());
    if (found == uploads_.end() || found->second.key != key) return no_such_upload();
    Upload& upload = found->second;
    if (parts.empty())
        return service_error(ErrorKind::invalid_argument, 400, "MalformedXML",
                             "no parts are named");
    TRY(check_write(current(key), if_match, false));
    std::vector<Part> chosen;
    std::string body;
    unsigned before = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].number <= before)
            return service_error(ErrorKind::invalid_argument, 400, "InvalidPartOrder",
                                 "part numbers must ascend");
        before = parts[i].number;
        const auto part = upload.parts.find(parts[i].number);
        if (part == upload.parts.end() || part->second.etag != parts[i].etag)
            return service_error(ErrorKind::invalid_argument, 400, "InvalidPart",
                                 fmt::format("part {} is not there as named", parts[i].number));
        if (i + 1 < parts.size() && part->second.body->size() < service_.traits.part_bytes_min)
            return service_error(ErrorKind::invalid_argument, 400, "EntityTooSmall",
                                 fmt::format("part {} is under {} bytes", parts[i].number,
                                             service_.traits.part_bytes_min));
        body += *part->second.body;
        chosen.push_back(part->second);
    }
    MemoryVersion version;
    version.etag = parts_etag(chosen);
    version.body = std::make_shared<const std::string>(std::move(body));
    version.attributes = std::move(upload.attributes);
    version.modified = service_.multipart_dated_by_start ? upload.initiated : service_time();
    version.type = ObjectType::multipart;
    uploads_.erase(found);
    const MemoryVersion& stored = store(key, std::move(version));
    PutReply reply{stored.etag, stored.id, told(service_time()), std::nullopt};
    if (service_.crc64) reply.crc64 = stored.crc64();
    return reply;
}

Result<void> MemoryBucket::abort_upload(const ObjectKey& key, const UploadId& id) {
    LockGuard lock(mutex_);
    const auto found = uploads_.find(id.str());
    if (found == uploads_.end() || found->second.key != key) return no_such_upload();
    uploads_.erase(found);
    return {};
}

Result<std::vector<PendingUpload>> MemoryBucket::list_uploads(const std::string& prefix) const {
    LockGuard lock(mutex_);
    std::vector<PendingUpload> pending;
    for (const auto& [id, upload] : uploads_)
        if (upload.key.str().compare(0, prefix.size(), prefix) == 0)
            pending.push_back({upload.key, UploadId(id), told(upload.initiated)});
    return pending;
}

ETag MemoryBucket::parts_etag(const std::vector<Part>& parts) const {
    std::string digests;
    for (const Part& part : parts) digests += md5(*part.body);
    return ETag(fmt::format("{}-{}", content_etag(digests).str(), parts.size()));
}

}  // namespace xbucket::testing
