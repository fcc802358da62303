// SPDX-FileCopyrightText: the xbucket authors
// The service's side of an in-memory bucket: objects, versions, uploads, and the rules of
// protocol.md 3-7 as a MemoryService describes them. Several MemoryStores may share one bucket:
// that is how a test has another client edit the same object.
//
// Start at MemoryBucket. Every method is one atomic request to the service; thread-safe.
#pragma once

#include "support/memory_service.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/sync.h"
#include "xbucket/store/object_store.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace xbucket::testing {

using SharedBytes = std::shared_ptr<const std::string>;

// One version of an object as the service stores it.
struct MemoryVersion {
    VersionId id;
    bool delete_marker = false;
    SharedBytes body = std::make_shared<const std::string>();
    // Complete: normalised user metadata, storage class in full, acl and tags included.
    ObjectAttributes attributes;
    ETag etag;
    WallTime modified;  // full precision; told in whole seconds
    ObjectType type = ObjectType::normal;
    ObjectKey symlink_target;
    unsigned missing_metadata = 0;          // entries hidden behind x-amz-missing-meta
    bool immutable = false;                 // WORM
    std::optional<WallTime> restore_ready;  // restore asked for: when it can be read
    std::optional<WallTime> restore_until;

    // CRC64 of the body; counted once for each body.
    uint64_t crc64() const;
    mutable SharedBytes counted_body;
    mutable uint64_t counted_crc = 0;
};

class MemoryBucket {
  public:
    MemoryBucket(MemoryService service, Clock& clock);

    const MemoryService& service() const { return service_; }
    const StoreTraits& traits() const { return service_.traits; }

    // --- requests, one method each; see ObjectStore for what they mean ---
    Result<ObjectInfo> head(const ObjectKey& key) const;
    struct Content {
        ObjectInfo info;
        SharedBytes body;
        uint64_t offset = 0;
        uint64_t length = 0;
    };
    Result<Content> get(const GetRequest& request) const;
    Result<PutReply> put(const PutRequest& request, SharedBytes body);
    Result<CopyReply> copy(const CopyRequest& request);
    // Whether the copy's conditions hold now: what a service asks that looks first and writes then.
    Result<void> judge(const CopyRequest& request) const;
    Result<ListPage> list(const ListRequest& request) const;
    VersionList list_versions(const ObjectKey& key, size_t versions_max) const;
    Result<void> remove(const ObjectKey& key, const ETag& if_match);
    Result<UploadId> create_upload(const ObjectKey& key, const ObjectAttributes& attributes);
    Result<UploadPart> upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                   SharedBytes body);
    Result<UploadPart> upload_part_copy(const ObjectKey& key, const UploadId& id, unsigned number,
                                        const ObjectKey& source, uint64_t offset, uint64_t length,
                                        const ETag& source_if_match);
    Result<PutReply> complete_upload(const ObjectKey& key, const UploadId& id,
                                     const std::vector<UploadPart>& parts,
                                     const std::optional<ETag>& if_match);
    Result<void> abort_upload(const ObjectKey& key, const UploadId& id);
    Result<std::vector<PendingUpload>> list_uploads(const std::string& prefix) const;
    Result<Tags> get_tags(const ObjectKey& key) const;
    Result<void> put_tags(const ObjectKey& key, const Tags& tags);
    Result<std::string> get_acl(const ObjectKey& key) const;
    Result<void> put_acl(const ObjectKey& key, const std::string& canned);
    Result<ObjectLock> get_lock(const ObjectKey& key) const;
    Result<void> put_lock(const ObjectKey& key, const ObjectLock& lock, const VersionId& version);
    Result<void> restore(const ObjectKey& key, std::optional<unsigned> days,
                         const std::string& tier);
    Result<PutReply> append(const ObjectKey& key, uint64_t position, const std::string& bytes);
    Result<void> put_symlink(const ObjectKey& key, const ObjectKey& target,
                             const ObjectAttributes& attributes);
    Result<ObjectKey> get_symlink(const ObjectKey& key) const;
    Result<std::string> presign_get(const ObjectKey& key, std::chrono::seconds life) const;
    WallTime service_time() const;

    // --- for tests: what no request can do ---
    // Reads a URL of presign_get() as somebody without credentials would.
    Result<std::string> fetch(const std::string& url) const;
    // Changes the current version in place without moving Last-Modified; false when there is none.
    bool alter(const ObjectKey& key, const std::function<void(MemoryVersion&)>& change);
    // The current version as stored.
    std::optional<MemoryVersion> peek(const ObjectKey& key) const;
    // All versions, newest first.
    std::vector<MemoryVersion> versions(const ObjectKey& key) const;
    // Appends as another client would (OSS AppendObject); creates the object when absent.
    Result<void> append(const ObjectKey& key, std::string_view bytes);
    size_t object_count() const;

  private:
    struct Part {
        SharedBytes body;
        ETag etag;
    };
    struct Upload {
        ObjectKey key;
        ObjectAttributes attributes;
        WallTime initiated;
        std::map<unsigned, Part> parts;
    };
    using Versions = std::vector<MemoryVersion>;  // newest last, never empty

    const MemoryVersion* current(const ObjectKey& key) const REQUIRES(mutex_);
    MemoryVersion* current(const ObjectKey& key) REQUIRES(mutex_);
    Result<const MemoryVersion*> find(const ObjectKey& key, const VersionId& version) const
        REQUIRES(mutex_);
    Result<const MemoryVersion*> symlink_end(const MemoryVersion& link) const REQUIRES(mutex_);
    // Makes `version` the current one, by the bucket's versioning; gives the stored one.
    MemoryVersion& store(const ObjectKey& key, MemoryVersion version) REQUIRES(mutex_);
    ObjectInfo describe(const MemoryVersion& version) const REQUIRES(mutex_);
    bool readable_now(const MemoryVersion& version) const;

    Result<void> check_key(const ObjectKey& key) const;
    // As the service would store what was sent: names folded, values trimmed, defaults filled in.
    Result<ObjectAttributes> accept(const ObjectKey& key, ObjectAttributes sent) const;
    Result<UserMetadata> accept_metadata(const UserMetadata& sent) const;
    Result<void> check_write(const MemoryVersion* existing, const std::optional<ETag>& if_match,
                             bool must_not_exist) const;
    Result<void> check_guard(const CopyGuard& guard, const MemoryVersion& source) const;
    Result<void> check_destination(const CopyGuard& guard, const MemoryVersion* existing) const;
    WallTime told(WallTime modified) const { return WallTime::from_seconds(modified.seconds()); }
    ETag content_etag(std::string_view body) const;
    ETag parts_etag(const std::vector<Part>& parts) const;

    const MemoryService service_;
    Clock& clock_;
    mutable Mutex mutex_;
    std::map<std::string, Versions> objects_ GUARDED_BY(mutex_);
    std::map<std::string, Upload> uploads_ GUARDED_BY(mutex_);
    uint64_t next_id_ GUARDED_BY(mutex_) = 1;
};

// An error as a service reports it.
Error service_error(ErrorKind kind, int status, std::string code, std::string message);

}  // namespace xbucket::testing
