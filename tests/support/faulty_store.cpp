// SPDX-FileCopyrightText: the xbucket authors
// Matching calls to scripted faults, and running them around the inner store.
#include "support/faulty_store.h"

#include <fmt/format.h>

namespace xbucket::testing {

void Gate::wait_until_reached(size_t calls) {
    LockGuard lock(mutex_);
    while (reached_ < calls) changed_.wait(mutex_);
}

void Gate::release() {
    LockGuard lock(mutex_);
    open_ = true;
    changed_.notify_all();
}

void Gate::pass() {
    LockGuard lock(mutex_);
    ++reached_;
    ++waiting_;
    changed_.notify_all();
    while (!open_) changed_.wait(mutex_);
    --waiting_;
}

size_t Gate::waiting() const {
    LockGuard lock(mutex_);
    return waiting_;
}

size_t LateRequests::deliver() {
    std::vector<std::function<void()>> due;
    {
        LockGuard lock(mutex_);
        due.swap(pending_);
    }
    for (const auto& apply : due) apply();
    return due.size();
}

void LateRequests::add(std::function<void()> apply) {
    LockGuard lock(mutex_);
    pending_.push_back(std::move(apply));
}

Fault& FaultyStore::add(Fault fault) {
    LockGuard lock(mutex_);
    return faults_.emplace_back(std::move(fault));
}

Fault& FaultyStore::fail(StoreCall call, Error error) {
    Fault fault;
    fault.call = call;
    fault.apply = false;
    fault.error = std::move(error);
    return add(std::move(fault));
}

namespace {

// What a fault does to a GET's body on its way.
class TamperingSink final : public GetSink {
  public:
    TamperingSink(GetSink& inner, bool corrupt, std::shared_ptr<Gate> gate)
        : inner_(inner), corrupt_(corrupt), gate_(std::move(gate)) {}
    void on_start(std::shared_ptr<Transfer> transfer) override {
        inner_.on_start(std::move(transfer));
    }
    Result<void> on_info(const ObjectInfo& info) override { return inner_.on_info(info); }
    Result<BodySink::Action> on_data(std::string_view bytes) override {
        std::string changed(bytes);
        if (std::exchange(corrupt_, false)) changed.at(0) = static_cast<char>(changed[0] ^ 1);
        Result<BodySink::Action> action = inner_.on_data(changed);
        if (const auto gate = std::exchange(gate_, nullptr)) gate->pass();
        return action;
    }

  private:
    GetSink& inner_;
    bool corrupt_;
    std::shared_ptr<Gate> gate_;
};

Error lost(StoreCall call) {
    Error error(ErrorKind::timed_out, fmt::format("injected: no reply to {}", to_string(call)));
    error.outcome_unknown = is_mutation(call);
    return error;
}

}  // namespace

Fault& FaultyStore::lose_reply(StoreCall call) {
    Fault fault;
    fault.call = call;
    fault.error = lost(call);
    return add(std::move(fault));
}

Fault& FaultyStore::corrupt_get() {
    Fault fault;
    fault.call = StoreCall::get;
    fault.corrupt = true;
    return add(std::move(fault));
}

std::shared_ptr<Gate> FaultyStore::hold_body() {
    Fault fault;
    fault.call = StoreCall::get;
    fault.body_gate = std::make_shared<Gate>();
    return add(std::move(fault)).body_gate;
}

Fault& FaultyStore::lose_request(StoreCall call) { return fail(call, lost(call)); }

Fault& FaultyStore::before(StoreCall call, std::function<void()> action) {
    Fault fault;
    fault.call = call;
    fault.before = std::move(action);
    return add(std::move(fault));
}

Fault& FaultyStore::after(StoreCall call, std::function<void()> action) {
    Fault fault;
    fault.call = call;
    fault.after = std::move(action);
    return add(std::move(fault));
}

std::shared_ptr<Gate> FaultyStore::hold(StoreCall call, const std::string& key, size_t nth) {
    auto gate = std::make_shared<Gate>();
    Fault fault;
    fault.call = call;
    if (!key.empty()) fault.key = ObjectKey(key);
    fault.skip = nth - 1;
    fault.before = [gate] { gate->pass(); };
    add(std::move(fault));
    return gate;
}

std::shared_ptr<LateRequests> FaultyStore::apply_late(StoreCall call, size_t nth) {
    auto late = std::make_shared<LateRequests>();
    Fault fault;
    fault.call = call;
    fault.skip = nth - 1;
    fault.apply = false;
    fault.error = lost(call);
    fault.late = late;
    add(std::move(fault));
    return late;
}

void FaultyStore::clear_faults() {
    LockGuard lock(mutex_);
    faults_.clear();
}

size_t FaultyStore::faults_left() const {
    LockGuard lock(mutex_);
    return faults_.size();
}

size_t FaultyStore::count(StoreCall call) const {
    LockGuard lock(mutex_);
    const auto found = counts_.find(call);
    return found == counts_.end() ? 0 : found->second;
}

size_t FaultyStore::count() const {
    LockGuard lock(mutex_);
    size_t sum = 0;
    for (const auto& [call, n] : counts_) sum += n;
    return sum;
}

FaultyStore::Plan FaultyStore::plan_for(StoreCall call, const ObjectKey& key) {
    LockGuard lock(mutex_);
    ++counts_[call];
    Plan plan;
    for (auto fault = faults_.begin(); fault != faults_.end();) {
        if (fault->call != call || (fault->key && *fault->key != key)) {
            ++fault;
            continue;
        }
        if (fault->skip > 0) {
            --fault->skip;
            ++fault;
            continue;
        }
        if (!fault->apply) plan.apply = false;
        if (fault->error && !plan.error) plan.error = fault->error;
        if (fault->before) plan.before.push_back(fault->before);
        if (fault->after) plan.after.push_back(fault->after);
        if (fault->late) plan.late = fault->late;
        if (fault->corrupt) plan.corrupt = true;
        if (fault->body_gate) plan.body_gate = fault->body_gate;
        if (fault->times == 1) {
            fault = faults_.erase(fault);
        } else {
            if (fault->times > 1) --fault->times;
            ++fault;
        }
    }
    return plan;
}

template <class T>
Result<T> FaultyStore::run(StoreCall call, const ObjectKey& key, std::function<Result<T>()> apply) {
    return run_planned<T>(call, plan_for(call, key), std::move(apply));
}

template <class T>
Result<T> FaultyStore::run_planned(StoreCall call, const Plan& plan,
                                   std::function<Result<T>()> apply) {
    for (const auto& action : plan.before) action();
    if (!plan.apply) {
        if (plan.late) plan.late->add([apply] { static_cast<void>(apply()); });
        for (const auto& action : plan.after) action();
        return plan.error.value_or(lost(call));
    }
    Result<T> answer = apply();
    for (const auto& action : plan.after) action();
    if (plan.error) return *plan.error;
    return answer;
}

Result<HeadReply> FaultyStore::head(const ObjectKey& key, const CallOptions& options) {
    return run<HeadReply>(StoreCall::head, key,
                          [this, key, options] { return inner_.head(key, options); });
}

// The callbacks of faults run on the inner store's answering thread.
void FaultyStore::head_async(const ObjectKey& key, const CallOptions& options,
                             std::function<void(Result<HeadReply>)> done) {
    inner_.head_async(key, options, [this, key, done = std::move(done)](Result<HeadReply> answer) {
        done(run<HeadReply>(StoreCall::head, key, [&answer] { return answer; }));
    });
}

Result<ObjectInfo> FaultyStore::get(const GetRequest& request, GetSink& sink,
                                    const CallOptions& options) {
    const Plan plan = plan_for(StoreCall::get, request.key);
    TamperingSink tampering(sink, plan.corrupt, plan.body_gate);
    return run_planned<ObjectInfo>(StoreCall::get, plan, [this, request, &tampering, options] {
        return inner_.get(request, tampering, options);
    });
}

Result<PutReply> FaultyStore::put(const PutRequest& request, const CallOptions& options) {
    return run<PutReply>(StoreCall::put, request.key,
                         [this, request, options] { return inner_.put(request, options); });
}

Result<CopyReply> FaultyStore::copy(const CopyRequest& request, const CallOptions& options) {
    return run<CopyReply>(StoreCall::copy, request.destination,
                          [this, request, options] { return inner_.copy(request, options); });
}

Result<ListPage> FaultyStore::list(const ListRequest& request, const CallOptions& options) {
    return run<ListPage>(StoreCall::list, ObjectKey(request.prefix),
                         [this, request, options] { return inner_.list(request, options); });
}

Result<void> FaultyStore::remove(const ObjectKey& key, const ETag& if_match,
                                 const CallOptions& options) {
    return run<void>(StoreCall::remove, key, [this, key, if_match, options] {
        return inner_.remove(key, if_match, options);
    });
}

Result<std::vector<DeleteFailure>> FaultyStore::remove_many(const std::vector<ObjectKey>& keys,
                                                            const CallOptions& options) {
    return run<std::vector<DeleteFailure>>(StoreCall::remove_many, {}, [this, keys, options] {
        return inner_.remove_many(keys, options);
    });
}

Result<UploadId> FaultyStore::create_upload(const ObjectKey& key,
                                            const ObjectAttributes& attributes,
                                            const CallOptions& options) {
    return run<UploadId>(StoreCall::create_upload, key, [this, key, attributes, options] {
        return inner_.create_upload(key, attributes, options);
    });
}

Result<UploadPart> FaultyStore::upload_part(const ObjectKey& key, const UploadId& id,
                                            unsigned number, std::shared_ptr<BodySource> body,
                                            const CallOptions& options) {
    return run<UploadPart>(StoreCall::upload_part, key, [this, key, id, number, body, options] {
        return inner_.upload_part(key, id, number, body, options);
    });
}

Result<UploadPart> FaultyStore::upload_part_copy(const ObjectKey& key, const UploadId& id,
                                                 unsigned number, const ObjectKey& source,
                                                 uint64_t offset, uint64_t length,
                                                 const ETag& source_if_match,
                                                 const CallOptions& options) {
    return run<UploadPart>(
        StoreCall::upload_part_copy, key,
        [this, key, id, number, source, offset, length, source_if_match, options] {
            return inner_.upload_part_copy(key, id, number, source, offset, length, source_if_match,
                                           options);
        });
}

Result<PutReply> FaultyStore::complete_upload(const ObjectKey& key, const UploadId& id,
                                              const std::vector<UploadPart>& parts,
                                              const std::optional<ETag>& if_match,
                                              const CallOptions& options) {
    return run<PutReply>(StoreCall::complete_upload, key,
                         [this, key, id, parts, if_match, options] {
                             return inner_.complete_upload(key, id, parts, if_match, options);
                         });
}

Result<void> FaultyStore::abort_upload(const ObjectKey& key, const UploadId& id,
                                       const CallOptions& options) {
    return run<void>(StoreCall::abort_upload, key,
                     [this, key, id, options] { return inner_.abort_upload(key, id, options); });
}

Result<std::vector<PendingUpload>> FaultyStore::list_uploads(const std::string& prefix,
                                                             const CallOptions& options) {
    return run<std::vector<PendingUpload>>(
        StoreCall::list_uploads, ObjectKey(prefix),
        [this, prefix, options] { return inner_.list_uploads(prefix, options); });
}

Result<Tags> FaultyStore::get_tags(const ObjectKey& key, const CallOptions& options) {
    return run<Tags>(StoreCall::get_tags, key,
                     [this, key, options] { return inner_.get_tags(key, options); });
}

Result<void> FaultyStore::put_tags(const ObjectKey& key, const Tags& tags,
                                   const CallOptions& options) {
    return run<void>(StoreCall::put_tags, key,
                     [this, key, tags, options] { return inner_.put_tags(key, tags, options); });
}

Result<std::string> FaultyStore::get_acl(const ObjectKey& key, const CallOptions& options) {
    return run<std::string>(StoreCall::get_acl, key,
                            [this, key, options] { return inner_.get_acl(key, options); });
}

Result<void> FaultyStore::put_acl(const ObjectKey& key, const std::string& canned,
                                  const CallOptions& options) {
    return run<void>(StoreCall::put_acl, key,
                     [this, key, canned, options] { return inner_.put_acl(key, canned, options); });
}

Result<ObjectLock> FaultyStore::get_lock(const ObjectKey& key, const ObjectInfo& head,
                                         const CallOptions& options) {
    return run<ObjectLock>(StoreCall::get_lock, key, [this, key, head, options] {
        return inner_.get_lock(key, head, options);
    });
}

Result<void> FaultyStore::put_lock(const ObjectKey& key, const ObjectLock& lock,
                                   const VersionId& version, const CallOptions& options) {
    return run<void>(StoreCall::put_lock, key, [this, key, lock, version, options] {
        return inner_.put_lock(key, lock, version, options);
    });
}

Result<void> FaultyStore::restore(const ObjectKey& key, std::optional<unsigned> days,
                                  const std::string& tier, const CallOptions& options) {
    return run<void>(StoreCall::restore, key, [this, key, days, tier, options] {
        return inner_.restore(key, days, tier, options);
    });
}

Result<PutReply> FaultyStore::append(const ObjectKey& key, uint64_t position,
                                     std::shared_ptr<BodySource> body, const CallOptions& options) {
    return run<PutReply>(StoreCall::append, key, [this, key, position, body, options] {
        return inner_.append(key, position, body, options);
    });
}

Result<void> FaultyStore::put_symlink(const ObjectKey& key, const ObjectKey& target,
                                      const ObjectAttributes& attributes,
                                      const CallOptions& options) {
    return run<void>(StoreCall::put_symlink, key, [this, key, target, attributes, options] {
        return inner_.put_symlink(key, target, attributes, options);
    });
}

Result<ObjectKey> FaultyStore::get_symlink(const ObjectKey& key, const CallOptions& options) {
    return run<ObjectKey>(StoreCall::get_symlink, key,
                          [this, key, options] { return inner_.get_symlink(key, options); });
}

Result<void> FaultyStore::check_access(const CallOptions& options) {
    return run<void>(StoreCall::check_access, {},
                     [this, options] { return inner_.check_access(options); });
}

Result<std::string> FaultyStore::versioning(const CallOptions& options) {
    return run<std::string>(StoreCall::versioning, {},
                            [this, options] { return inner_.versioning(options); });
}

Result<VersionList> FaultyStore::list_versions(const ObjectKey& key, size_t versions_max,
                                               const CallOptions& options) {
    return run<VersionList>(StoreCall::list_versions, key, [this, key, versions_max, options] {
        return inner_.list_versions(key, versions_max, options);
    });
}

}  // namespace xbucket::testing
