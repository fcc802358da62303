// SPDX-FileCopyrightText: the xbucket authors
// An ObjectStore over a MemoryBucket: what tests of the layers above are built on. Time is the
// given Clock, nothing waits, and every request is written down.
//
//   FakeClock clock;
//   MemoryStore store(MemoryService::oss(), clock);              // a client of a new bucket
//   MemoryStore other(store.bucket());                           // another client of the same one
//   put_object(store, "a", "body", {.user = {{"year", "2021"}}});
//   EXPECT_EQ(store.count(StoreCall::copy), 1u);
#pragma once

#include "support/memory_bucket.h"
#include "support/store_call.h"

#include <deque>
#include <thread>

namespace xbucket::testing {

struct LoggedRequest {
    StoreCall call = StoreCall::head;
    ObjectKey key;                               // a copy's destination, a listing's prefix
    std::optional<CopyRequest> copy;             // of copies
    std::optional<ObjectAttributes> attributes;  // of put, create_upload, put_symlink
    RequestClass request_class = RequestClass::interactive;
    std::optional<GetRequest> get;  // of GETs
};

// Thread-safe. head_async answers on a thread of the store's own, as the transport does.
class MemoryStore final : public ObjectStore {
  public:
    MemoryStore(MemoryService service, Clock& clock);
    explicit MemoryStore(std::shared_ptr<MemoryBucket> bucket);
    ~MemoryStore() override;

    // --- for tests ---
    const std::shared_ptr<MemoryBucket>& bucket() const { return bucket_; }
    std::vector<LoggedRequest> log() const;
    // Requests of that kind since the start or the last clear_log().
    size_t count(StoreCall call) const;
    size_t count() const;
    void clear_log();
    // Called before each request is carried out, without locks held; may block or use any store.
    void set_hook(std::function<void(const LoggedRequest&)> hook);
    // GETs are given to the sink in pieces of at most this many bytes (64 KiB).
    void set_piece_bytes(size_t bytes) { piece_bytes_ = bytes; }

    const StoreTraits& traits() const override { return bucket_->traits(); }
    Result<HeadReply> head(const ObjectKey& key, const CallOptions& options = {}) override;
    void head_async(const ObjectKey& key, const CallOptions& options,
                    std::function<void(Result<HeadReply>)> done) override;
    Result<ObjectInfo> get(const GetRequest& request, GetSink& sink,
                           const CallOptions& options = {}) override;
    Result<PutReply> put(const PutRequest& request, const CallOptions& options = {}) override;
    Result<PutReply> append(const ObjectKey& key, uint64_t position,
                            std::shared_ptr<BodySource> body,
                            const CallOptions& options = {}) override;
    Result<CopyReply> copy(const CopyRequest& request, const CallOptions& options = {}) override;
    Result<ListPage> list(const ListRequest& request, const CallOptions& options = {}) override;
    Result<void> remove(const ObjectKey& key, const ETag& if_match = {},
                        const CallOptions& options = {}) override;
    Result<std::vector<DeleteFailure>> remove_many(const std::vector<ObjectKey>& keys,
                                                   const CallOptions& options = {}) override;
    Result<UploadId> create_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                   const CallOptions& options = {}) override;
    Result<UploadPart> upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                   std::shared_ptr<BodySource> body,
                                   const CallOptions& options = {}) override;
    Result<UploadPart> upload_part_copy(const ObjectKey& key, const UploadId& id, unsigned number,
                                        const ObjectKey& source, uint64_t offset, uint64_t length,
                                        const ETag& source_if_match,
                                        const CallOptions& options = {}) override;
    Result<PutReply> complete_upload(const ObjectKey& key, const UploadId& id,
                                     const std::vector<UploadPart>& parts,
                                     const std::optional<ETag>& if_match = {},
                                     const CallOptions& options = {}) override;
    Result<void> abort_upload(const ObjectKey& key, const UploadId& id,
                              const CallOptions& options = {}) override;
    Result<std::vector<PendingUpload>> list_uploads(const std::string& prefix,
                                                    const CallOptions& options = {}) override;
    Result<Tags> get_tags(const ObjectKey& key, const CallOptions& options = {}) override;
    Result<void> put_tags(const ObjectKey& key, const Tags& tags,
                          const CallOptions& options = {}) override;
    Result<std::string> get_acl(const ObjectKey& key, const CallOptions& options = {}) override;
    Result<void> put_acl(const ObjectKey& key, const std::string& canned,
                         const CallOptions& options = {}) override;
    Result<ObjectLock> get_lock(const ObjectKey& key, const ObjectInfo& head,
                                const CallOptions& options = {}) override;
    Result<void> put_lock(const ObjectKey& key, const ObjectLock& lock, const VersionId& version,
                          const CallOptions& options = {}) override;
    Result<void> restore(const ObjectKey& key, std::optional<unsigned> days,
                         const std::string& tier, const CallOptions& options = {}) override;
    Result<void> put_symlink(const ObjectKey& key, const ObjectKey& target,
                             const ObjectAttributes& attributes,
                             const CallOptions& options = {}) override;
    Result<ObjectKey> get_symlink(const ObjectKey& key, const CallOptions& options = {}) override;
    Result<std::string> presign_get(const ObjectKey& key, std::chrono::seconds life) override;
    Result<void> check_access(const CallOptions& options = {}) override;
    Result<std::string> versioning(const CallOptions& options = {}) override;
    Result<VersionList> list_versions(const ObjectKey& key, size_t versions_max,
                                      const CallOptions& options = {}) override;
    Stats stats() const override;

  private:
    void note(StoreCall call, const ObjectKey& key, const CallOptions& options);
    void note(LoggedRequest request);
    Headers headers_of(const ObjectInfo& info) const;
    void deliver_answers();

    const std::shared_ptr<MemoryBucket> bucket_;
    std::atomic<size_t> piece_bytes_{64U << 10};

    Result<void> check_absent(const ObjectKey& key, const CallOptions& options);

    mutable Mutex mutex_;
    CondVar answers_changed_;
    std::vector<LoggedRequest> log_ GUARDED_BY(mutex_);
    std::function<void(const LoggedRequest&)> hook_ GUARDED_BY(mutex_);
    Stats stats_ GUARDED_BY(mutex_);
    std::deque<std::function<void()>> answers_ GUARDED_BY(mutex_);
    bool ending_ GUARDED_BY(mutex_) = false;
    std::thread answering_;
};

// Reads a whole body; on a pause it yields until there is more.
Result<SharedBytes> read_body(BodySource* source);

// --- conveniences for tests, for any store ---
std::shared_ptr<BodySource> body_of(std::string bytes);
Result<PutReply> put_object(ObjectStore& store, const std::string& key, std::string body,
                            const ObjectAttributes& attributes = {});
Result<std::string> read_object(ObjectStore& store, const std::string& key, uint64_t offset = 0,
                                uint64_t length = 0, const ETag& if_match = {});
// The keys, then the common prefixes, of all pages.
Result<std::vector<std::string>> list_names(ObjectStore& store, const ListRequest& request);

}  // namespace xbucket::testing
