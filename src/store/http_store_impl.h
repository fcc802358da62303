// SPDX-FileCopyrightText: the xbucket authors
// ObjectStore over a Dialect and a Requester. Each method is: whole key, build, run, parse. The
// definitions are spread by noun: http_store_objects.cpp, http_store_uploads.cpp,
// http_store_properties.cpp, http_store_locks.cpp, multipart_copy.cpp.
#pragma once

#include "checked_source.h"
#include "content_check.h"
#include "dialect.h"
#include "requester.h"

#include "xbucket/base/sync.h"
#include "xbucket/store/http_store.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace xbucket {

// Thread-safe: immutable but for the Requester and what is learned of the service.
class HttpStore final : public ObjectStore {
  public:
    HttpStore(const HttpStoreConfig& config, Address address, std::unique_ptr<Dialect> dialect,
              Transport& transport, CredentialsProvider& credentials, Clock& clock);

    const StoreTraits& traits() const override { return dialect_->traits(); }

    Result<HeadReply> head(const ObjectKey& key, const CallOptions& options) override;
    void head_async(const ObjectKey& key, const CallOptions& options,
                    std::function<void(Result<HeadReply>)> done) override;
    FacetReplies read_facets(const ObjectKey& key, Facets facets,
                             const CallOptions& options) override;
    Result<ObjectInfo> get(const GetRequest& request, GetSink& sink,
                           const CallOptions& options) override;
    Result<PutReply> put(const PutRequest& request, const CallOptions& options) override;
    Result<PutReply> append(const ObjectKey& key, uint64_t position,
                            std::shared_ptr<BodySource> body,
                            const CallOptions& options = {}) override;
    Result<CopyReply> copy(const CopyRequest& request, const CallOptions& options) override;
    Result<ListPage> list(const ListRequest& request, const CallOptions& options) override;
    Result<void> remove(const ObjectKey& key, const ETag& if_match,
                        const CallOptions& options) override;
    Result<std::vector<DeleteFailure>> remove_many(const std::vector<ObjectKey>& keys,
                                                   const CallOptions& options) override;

    Result<UploadId> create_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                   const CallOptions& options) override;
    Result<UploadPart> upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                   std::shared_ptr<BodySource> body,
                                   const CallOptions& options) override;
    Result<UploadPart> upload_part_copy(const ObjectKey& key, const UploadId& id, unsigned number,
                                        const ObjectKey& source, uint64_t offset, uint64_t length,
                                        const ETag& source_if_match,
                                        const CallOptions& options) override;
    Result<PutReply> complete_upload(const ObjectKey& key, const UploadId& id,
                                     const std::vector<UploadPart>& parts,
                                     const std::optional<ETag>& if_match,
                                     const CallOptions& options) override;
    Result<void> abort_upload(const ObjectKey& key, const UploadId& id,
                              const CallOptions& options) override;
    Result<std::vector<PendingUpload>> list_uploads(const std::string& prefix,
                                                    const CallOptions& options) override;

    void watch_uploads(std::shared_ptr<UploadWatcher> watcher) override EXCLUDES(watcher_mutex_);

    Result<Tags> get_tags(const ObjectKey& key, const CallOptions& options) override;
    Result<void> put_tags(const ObjectKey& key, const Tags& tags,
                          const CallOptions& options) override;
    Result<std::string> get_acl(const ObjectKey& key, const CallOptions& options) override;
    Result<void> put_acl(const ObjectKey& key, const std::string& canned,
                         const CallOptions& options) override;
    Result<ObjectLock> get_lock(const ObjectKey& key, const ObjectInfo& head,
                                const CallOptions& options) override;
    Result<void> put_lock(const ObjectKey& key, const ObjectLock& lock, const VersionId& version,
                          const CallOptions& options) override;
    Result<void> restore(const ObjectKey& key, std::optional<unsigned> days,
                         const std::string& tier, const CallOptions& options) override;
    Result<void> put_symlink(const ObjectKey& key, const ObjectKey& target,
                             const ObjectAttributes& attributes,
                             const CallOptions& options) override;
    Result<ObjectKey> get_symlink(const ObjectKey& key, const CallOptions& options) override;

    Result<std::string> presign_get(const ObjectKey& key, std::chrono::seconds life) override;
    Result<void> check_access(const CallOptions& options) override;
    Result<std::string> versioning(const CallOptions& options) override;
    Result<VersionList> list_versions(const ObjectKey& key, size_t versions_max,
                                      const CallOptions& options) override;
    Stats stats() const override { return requester_.stats(); }

  private:
    friend class MultipartCopy;
    // The key with the prefix in front. Errors: invalid_name for the empty key, name_too_long.
    Result<ObjectKey> whole(const ObjectKey& key) const;
    // The key as callers know it. Errors: bad_reply for one outside the prefix.
    Result<std::string> cut(std::string_view whole_key) const;
    Result<UploadPart> copy_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                 const CopyRequest& copy, uint64_t offset, uint64_t length,
                                 const ETag& source_if_match, const CallOptions& options);
    // The object, and its checksum where it has one.
    Result<std::pair<ObjectInfo, std::optional<KeptChecksum>>> head_with_checksum(
        const ObjectKey& key, const CallOptions& options);
    Result<UploadId> begin_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                  const std::optional<KeptChecksum>& checksum,
                                  const CallOptions& options);
    Result<PutReply> complete(const ObjectKey& key, const UploadId& id,
                              const std::vector<UploadPart>& parts,
                              const std::optional<ETag>& if_match, bool must_not_exist,
                              const std::optional<KeptChecksum>& checksum,
                              const CallOptions& options);
    std::shared_ptr<UploadWatcher> upload_watcher() const EXCLUDES(watcher_mutex_);
    ETag etag_of_parts(const ObjectKey& key, size_t parts, const CallOptions& options);
    // Sends what must create, where that is asked for, with the condition or without it. Some
    // services have none (Alibaba's under the S3 protocol: 501), and OSS has none in a bucket with
    // versions; there a HEAD before must do.
    using Send = std::function<Result<HttpResponse>(bool with_condition)>;
    Result<HttpResponse> create(const ObjectKey& key, bool must_not_exist,
                                const CallOptions& options, const Send& send);
    Result<void> check_absent(const ObjectKey& key, const CallOptions& options);
    void warn_of_race();  // once
    // What tells of versions: a reply that concerns an object; one that says it was created under
    // the condition; the bucket's state.
    void note_reply(const Headers& headers);
    void note_created(const Headers& headers);
    void note_versioning(std::string_view state);
    // Sends content, with its MD5 where the bucket demands that.
    Result<HttpResponse> send_content(const RequestParts& parts, const CallOptions& options);
    Result<std::vector<DeleteFailure>> remove_in_one(const std::vector<ObjectKey>& keys,
                                                     const CallOptions& options);
    // Where an object cannot be read because it is encrypted otherwise than the request says: what
    // to do about it, as access_denied, and once in the log.
    Error with_key_hint(Error error);
    // Errors: invalid_argument for a new Content-Disposition that the service would hide behind the
    // same one of its own, so that the next change could not keep it.
    Result<void> check_disposition(const CopyRequest& request, const CallOptions& options);
    Result<HeadReply> head_in(const ObjectKey& key, Result<HttpResponse> response);
    Result<bool> may_have_locks(const CallOptions& options);
    Result<Tags> tags_in(Result<HttpResponse> response) const;
    Result<std::string> acl_in(Result<HttpResponse> response) const;
    // Whether what was sent is what the reply says is stored; "" = yes, or the reply says nothing.
    std::string difference(const CheckedSource* sent, const HttpResponse& response,
                           const PutReply& reply) const;
    // `request` has whole keys, `destination` is the caller's.
    Result<CopyReply> copy_once(const CopyRequest& request, const ObjectKey& destination,
                                const CallOptions& options);

    const HttpStoreConfig config_;
    const std::unique_ptr<Dialect> dialect_;
    std::atomic<bool> key_hint_given_{false};
    std::atomic<bool> demands_md5_{false};
    // `untried`: as long as nothing was created nobody knows; both is done then.
    enum class CreateCondition { untried, heeded, none };
    std::atomic<CreateCondition> create_condition_;
    std::atomic<bool> race_told_{false};
    std::atomic<bool> adds_dispositions_{false};
    enum class BucketLock { unknown, none, possible };
    std::atomic<BucketLock> bucket_lock_{BucketLock::unknown};
    EtagDoubts etag_doubts_;
    mutable Mutex watcher_mutex_;
    std::shared_ptr<UploadWatcher> watcher_ GUARDED_BY(watcher_mutex_);
    Requester requester_;  // last: waits for its calls, which use the dialect
};

// A mutation's reply that cannot be read: it was applied, who knows how (DESIGN 3.6).
template <class T>
Result<T> unknown_if_unread(Result<T> parsed) {
    if (!parsed) {
        parsed.error().outcome_unknown = true;
        if (parsed.error().message.find("outcome") == std::string::npos) {
            parsed.error().message += "; whether the change was made is unknown";
        }
    }
    return parsed;
}

// Uploads and copies that must create: the condition's failure says that something is there.
Error as_already_exists(Error error, bool must_not_exist);
// Uploads that must replace: S3 says "no such key" where it was deleted at the same time.
Error as_refused(Error error, const std::optional<ETag>& if_match);

// Of a list that is read to its end: a service that never ends it would be asked for ever.
class PageLimit {
  public:
    // Errors: bad_reply, for one page too many.
    Result<void> next(bool page_is_empty);

  private:
    unsigned pages_ = 0;
    unsigned empty_ = 0;
};

}  // namespace xbucket
