// SPDX-FileCopyrightText: the xbucket authors
// An ObjectStore that fails as told. Each fault is for one kind of call (and key, if given), skips
// some matching calls, then acts on one or more:
//
//   FaultyStore store(inner);
//   store.fail(StoreCall::head, Error(ErrorKind::timed_out, "injected"));        // the next HEAD
//   store.lose_reply(StoreCall::copy).nth(2);          // the 2nd copy is applied, its reply is
//   lost store.lose_request(StoreCall::put);                // not applied, and the caller cannot
//   know store.before(StoreCall::copy, [&] { other.put(...); });  // another writer gets in between
//   auto gate = store.hold(StoreCall::head);           // stands until gate->release()
//   auto late = store.apply_late(StoreCall::copy);     // caller sees a timeout; late->deliver()
//   applies it
//
// Where several faults match one call, all their callbacks run and the first error wins.
#pragma once

#include "support/store_call.h"

#include "xbucket/base/sync.h"
#include "xbucket/store/object_store.h"

#include <list>

namespace xbucket::testing {

// Where calls stand that were held.
class Gate {
  public:
    void wait_until_reached(size_t calls = 1);  // by the test
    void release();                             // lets all through, also later ones
    void pass();                                // by the held call
    size_t waiting() const;

  private:
    mutable Mutex mutex_;
    CondVar changed_;
    size_t reached_ GUARDED_BY(mutex_) = 0;
    size_t waiting_ GUARDED_BY(mutex_) = 0;
    bool open_ GUARDED_BY(mutex_) = false;
};

// Requests that reach the service after the client gave up on them.
class LateRequests {
  public:
    // Applies them in order; returns how many there were.
    size_t deliver();
    void add(std::function<void()> apply);

  private:
    Mutex mutex_;
    std::vector<std::function<void()>> pending_ GUARDED_BY(mutex_);
};

struct Fault {
    StoreCall call = StoreCall::head;
    std::optional<ObjectKey> key;  // unset: any
    size_t skip = 0;               // matching calls to let pass first
    size_t times = 1;              // calls to act on; 0 = all from then on
    bool apply = true;             // whether the inner store sees the call
    std::optional<Error> error;    // what the caller gets; unset: the inner store's answer
    std::function<void()> before;
    std::function<void()> after;  // after the inner store answered
    std::shared_ptr<LateRequests> late;
    bool corrupt = false;             // of GETs: the first byte has one bit wrong
    std::shared_ptr<Gate> body_gate;  // of GETs: stands here after the first piece

    // For chaining.
    Fault& nth(size_t n) {
        skip = n - 1;
        return *this;
    }
    Fault& on(const std::string& k) {
        key = ObjectKey(k);
        return *this;
    }
    Fault& repeat(size_t n) {
        times = n;
        return *this;
    }
    Fault& always() {
        times = 0;
        return *this;
    }
};

class FaultyStore final : public ObjectStore {
  public:
    // `inner` must outlive it.
    explicit FaultyStore(ObjectStore& inner) : inner_(inner) {}

    // Each adds a fault; the reference is for chaining at once, before other threads make calls.
    Fault& add(Fault fault);
    Fault& fail(StoreCall call, Error error);
    Fault& lose_reply(StoreCall call);
    Fault& lose_request(StoreCall call);
    Fault& before(StoreCall call, std::function<void()> action);
    Fault& after(StoreCall call, std::function<void()> action);
    std::shared_ptr<Gate> hold(StoreCall call, const std::string& key = {}, size_t nth = 1);
    std::shared_ptr<LateRequests> apply_late(StoreCall call, size_t nth = 1);
    // The next GET delivers its first byte with one bit wrong.
    Fault& corrupt_get();
    // The next GET stands still after the first piece of its body.
    std::shared_ptr<Gate> hold_body();
    void clear_faults();
    // Faults that have not acted (as often as they should): a script that a test did not reach.
    size_t faults_left() const;
    // Calls that arrived, whether or not they reached the inner store.
    size_t count(StoreCall call) const;
    size_t count() const;

    const StoreTraits& traits() const override { return inner_.traits(); }
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
    void watch_uploads(std::shared_ptr<UploadWatcher> watcher) override {
        inner_.watch_uploads(std::move(watcher));
    }
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
    Result<std::string> presign_get(const ObjectKey& key, std::chrono::seconds life) override {
        return inner_.presign_get(key, life);
    }
    Result<void> check_access(const CallOptions& options = {}) override;
    Result<std::string> versioning(const CallOptions& options = {}) override;
    Result<VersionList> list_versions(const ObjectKey& key, size_t versions_max,
                                      const CallOptions& options = {}) override;
    Stats stats() const override { return inner_.stats(); }

  private:
    struct Plan {
        bool apply = true;
        std::optional<Error> error;
        std::vector<std::function<void()>> before;
        std::vector<std::function<void()>> after;
        std::shared_ptr<LateRequests> late;
        bool corrupt = false;
        std::shared_ptr<Gate> body_gate;
    };
    Plan plan_for(StoreCall call, const ObjectKey& key);
    // `apply` must own what it needs: it may run long after the call returned.
    template <class T>
    Result<T> run(StoreCall call, const ObjectKey& key, std::function<Result<T>()> apply);
    template <class T>
    Result<T> run_planned(StoreCall call, const Plan& plan, std::function<Result<T>()> apply);

    ObjectStore& inner_;
    mutable Mutex mutex_;
    std::list<Fault> faults_ GUARDED_BY(mutex_);
    std::map<StoreCall, size_t> counts_ GUARDED_BY(mutex_);
};

}  // namespace xbucket::testing
