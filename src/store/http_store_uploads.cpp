// SPDX-FileCopyrightText: the xbucket authors
// Multipart uploads.
#include "checked_source.h"
#include "http_store_impl.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace xbucket {
namespace {

// Leaves it at its end; each attempt of a request rewinds it.
Result<std::string> md5_of(BodySource* body) {
    Hasher hasher(Hasher::Algorithm::md5);
    if (body != nullptr) {
        TRY(body->rewind());
        std::vector<char> buffer(256U << 10);
        for (;;) {
            const BodySource::Chunk chunk = TRY(body->read(buffer));
            if (chunk.bytes == 0) break;
            hasher.update({buffer.data(), chunk.bytes});
        }
    }
    return hasher.finish();
}

// S3 where the bucket or the object is under Object Lock.
bool wants_md5(const Error& error) {
    constexpr int kBadRequest = 400;
    return error.http_status == kBadRequest && error.code == "InvalidRequest" &&
           error.message.find("Content-MD5") != std::string::npos;
}

}  // namespace

void HttpStore::watch_uploads(std::shared_ptr<UploadWatcher> watcher) {
    LockGuard lock(watcher_mutex_);
    watcher_ = std::move(watcher);
}

std::shared_ptr<UploadWatcher> HttpStore::upload_watcher() const {
    LockGuard lock(watcher_mutex_);
    return watcher_;
}

Result<HttpResponse> HttpStore::send_content(const RequestParts& parts,
                                             const CallOptions& options) {
    if (!demands_md5_) {
        auto response = requester_.call(parts, options);
        if (response || !wants_md5(response.error())) return response;
        demands_md5_ = true;
    }
    RequestParts with_md5 = parts;
    with_md5.headers.add("Content-MD5", base64_encode(TRY(md5_of(parts.body_source.get()))));
    return requester_.call(with_md5, options);
}

Result<UploadId> HttpStore::create_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                          const CallOptions& options) {
    return begin_upload(key, attributes, {}, options);
}

Result<UploadId> HttpStore::begin_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                         const std::optional<KeptChecksum>& checksum,
                                         const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->create_upload(TRY(whole(key)), attributes, checksum));
    return dialect_->parse_create_upload(TRY(requester_.call(parts, options)));
}

Result<UploadPart> HttpStore::upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                          std::shared_ptr<BodySource> body,
                                          const CallOptions& options) {
    if (number < 1 || number > traits().parts_max) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("part {} is outside 1 to {}", number, traits().parts_max));
    }
    const uint64_t bytes = body ? body->size() : 0;
    const auto checked =
        body ? std::make_shared<CheckedSource>(std::move(body), traits().crc64_kind) : nullptr;
    const RequestParts parts = TRY(dialect_->upload_part(TRY(whole(key)), id, number, checked));
    // The part can be sent again, so a wrong checksum gets a second chance here.
    for (int chance = 0;; ++chance) {
        const HttpResponse response = TRY(send_content(parts, options));
        UploadPart part = TRY(dialect_->parse_upload_part(response, number, bytes));
        const auto stored = TRY(dialect_->parse_stored_crc64(response.headers));
        const uint64_t sent = checked ? checked->crc() : 0;
        part.crc64 = sent;
        if (!stored || *stored == sent) return part;
        if (chance == 1) {
            return fail(ErrorKind::checksum_mismatch,
                        fmt::format("UPLOAD_PART {}: the service stored other bytes than were sent "
                                    "(CRC64 {} instead of {})",
                                    key.str(), *stored, sent));
        }
    }
}

Result<UploadPart> HttpStore::upload_part_copy(const ObjectKey& key, const UploadId& id,
                                               unsigned number, const ObjectKey& source,
                                               uint64_t offset, uint64_t length,
                                               const ETag& source_if_match,
                                               const CallOptions& options) {
    CopyRequest copy;
    copy.source = source;
    return copy_part(key, id, number, copy, offset, length, source_if_match, options);
}

Result<UploadPart> HttpStore::copy_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                        const CopyRequest& copy, uint64_t offset, uint64_t length,
                                        const ETag& source_if_match, const CallOptions& options) {
    const RequestParts parts =
        TRY(dialect_->upload_part_copy(TRY(whole(key)), id, number, TRY(whole(copy.source)),
                                       copy.source_version, offset, length, source_if_match));
    return dialect_->parse_upload_part_copy(TRY(requester_.call(parts, options)), number, length);
}

Result<PutReply> HttpStore::complete_upload(const ObjectKey& key, const UploadId& id,
                                            const std::vector<UploadPart>& parts,
                                            const std::optional<ETag>& if_match,
                                            const CallOptions& options) {
    return complete(key, id, parts, if_match, /*must_not_exist=*/false, {}, options);
}

Result<PutReply> HttpStore::complete(const ObjectKey& key, const UploadId& id,
                                     const std::vector<UploadPart>& upload_parts,
                                     const std::optional<ETag>& if_match, bool must_not_exist,
                                     const std::optional<KeptChecksum>& checksum,
                                     const CallOptions& options) {
    const ObjectKey whole_key = TRY(whole(key));
    auto response =
        create(key, must_not_exist, options, [&](bool with_condition) -> Result<HttpResponse> {
            const RequestParts parts = TRY(dialect_->complete_upload(
                whole_key, id, upload_parts, if_match, with_condition, checksum));
            return requester_.call(parts, options);
        });
    if (!response) {
        return as_refused(as_already_exists(std::move(response.error()), must_not_exist), if_match);
    }
    PutReply reply = TRY(unknown_if_unread(dialect_->parse_complete(*response)));
    if (reply.etag.empty()) reply.etag = etag_of_parts(key, upload_parts.size(), options);
    return reply;
}

// Ceph does not tell it on Complete. An ETag of another form is somebody else's object.
ETag HttpStore::etag_of_parts(const ObjectKey& key, size_t parts, const CallOptions& options) {
    const auto seen = head(key, options);
    if (!seen || !seen->info.etag.str().ends_with(fmt::format("-{}", parts))) return {};
    return seen->info.etag;
}

Result<void> HttpStore::abort_upload(const ObjectKey& key, const UploadId& id,
                                     const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->abort_upload(TRY(whole(key)), id));
    TRY(requester_.call(parts, options));
    return {};
}

Result<std::vector<PendingUpload>> HttpStore::list_uploads(const std::string& prefix,
                                                           const CallOptions& options) {
    std::vector<PendingUpload> uploads;
    std::string key_marker;
    std::string upload_marker;
    PageLimit limit;
    for (;;) {
        const RequestParts parts =
            TRY(dialect_->list_uploads(config_.key_prefix + prefix, key_marker, upload_marker));
        UploadsPage page = TRY(dialect_->parse_uploads(TRY(requester_.call(parts, options))));
        TRY(limit.next(page.uploads.empty()));
        for (PendingUpload& upload : page.uploads) {
            upload.key = ObjectKey(TRY(cut(upload.key.str())));
            uploads.push_back(std::move(upload));
        }
        if (page.next_key_marker.empty()) return uploads;
        if (page.next_key_marker == key_marker && page.next_upload_marker == upload_marker) {
            return fail(ErrorKind::bad_reply, "the list of uploads repeats its page for ever");
        }
        key_marker = std::move(page.next_key_marker);
        upload_marker = std::move(page.next_upload_marker);
    }
}

}  // namespace xbucket
