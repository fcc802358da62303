// SPDX-FileCopyrightText: the xbucket authors
// The client's side of the in-memory bucket: log, hooks, bodies, and the answering thread.
#include "support/memory_store.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::testing {

MemoryStore::MemoryStore(MemoryService service, Clock& clock)
    : MemoryStore(std::make_shared<MemoryBucket>(std::move(service), clock)) {}

MemoryStore::MemoryStore(std::shared_ptr<MemoryBucket> bucket) : bucket_(std::move(bucket)) {
    answering_ = std::thread([this] { deliver_answers(); });
}

MemoryStore::~MemoryStore() {
    {
        LockGuard lock(mutex_);
        ending_ = true;
        answers_changed_.notify_all();
    }
    answering_.join();
}

void MemoryStore::deliver_answers() {
    LockGuard lock(mutex_);
    while (true) {
        while (!ending_ && answers_.empty()) answers_changed_.wait(mutex_);
        if (answers_.empty()) return;
        const std::function<void()> answer = std::move(answers_.front());
        answers_.pop_front();
        lock.unlock();
        answer();
        lock.lock();
    }
}

void MemoryStore::note(StoreCall call, const ObjectKey& key, const CallOptions& options) {
    LoggedRequest request;
    request.call = call;
    request.key = key;
    request.request_class = options.request_class;
    note(std::move(request));
}

void MemoryStore::note(LoggedRequest request) {
    std::function<void(const LoggedRequest&)> hook;
    {
        LockGuard lock(mutex_);
        log_.push_back(request);
        ++stats_.requests[std::string(to_string(request.call))];
        hook = hook_;
    }
    if (hook) hook(request);
}

std::vector<LoggedRequest> MemoryStore::log() const {
    LockGuard lock(mutex_);
    return log_;
}

size_t MemoryStore::count(StoreCall call) const {
    LockGuard lock(mutex_);
    return static_cast<size_t>(std::count_if(
        log_.begin(), log_.end(), [&](const LoggedRequest& r) { return r.call == call; }));
}

size_t MemoryStore::count() const {
    LockGuard lock(mutex_);
    return log_.size();
}

void MemoryStore::clear_log() {
    LockGuard lock(mutex_);
    log_.clear();
}

void MemoryStore::set_hook(std::function<void(const LoggedRequest&)> hook) {
    LockGuard lock(mutex_);
    hook_ = std::move(hook);
}

ObjectStore::Stats MemoryStore::stats() const {
    LockGuard lock(mutex_);
    return stats_;
}

Headers MemoryStore::headers_of(const ObjectInfo& info) const {
    Headers headers;
    headers.add("Date", format_http_date(info.date));
    headers.add("Content-Length", fmt::format("{}", info.size));
    headers.add("ETag", fmt::format("\"{}\"", info.etag.str()));
    headers.add("Last-Modified", format_http_date(info.last_modified));
    for (const HttpField field : kHttpFields)
        if (const auto& value = info.attributes[field])
            headers.add(std::string(to_string(field)), *value);
    for (const auto& [name, value] : info.attributes.user)
        headers.add(bucket_->service().metadata_prefix + name, value);
    for (const auto& [name, value] : info.attributes.persistent) headers.add(name, value);
    const std::string vendor = traits().dialect == "oss" ? "x-oss-" : "x-amz-";
    if (!info.attributes.storage_class.empty())
        headers.add(vendor + "storage-class", info.attributes.storage_class);
    if (!info.attributes.sse.empty())
        headers.add(vendor + "server-side-encryption", info.attributes.sse.algorithm);
    if (!info.version_id.empty()) headers.add(vendor + "version-id", info.version_id.str());
    if (!info.restore.empty()) headers.add(vendor + "restore", info.restore);
    if (info.crc64) headers.add(vendor + "hash-crc64ecma", fmt::format("{}", *info.crc64));
    if (info.tag_count) headers.add(vendor + "tagging-count", fmt::format("{}", *info.tag_count));
    if (info.missing_metadata != 0)
        headers.add("x-amz-missing-meta", fmt::format("{}", info.missing_metadata));
    return headers;
}

Result<HeadReply> MemoryStore::head(const ObjectKey& key, const CallOptions& options) {
    note(StoreCall::head, key, options);
    HeadReply reply;
    reply.info = TRY(bucket_->head(key));
    reply.headers = headers_of(reply.info);
    return reply;
}

void MemoryStore::head_async(const ObjectKey& key, const CallOptions& options,
                             std::function<void(Result<HeadReply>)> done) {
    LockGuard lock(mutex_);
    answers_.push_back([this, key, options, done = std::move(done)] { done(head(key, options)); });
    answers_changed_.notify_one();
}

Result<ObjectInfo> MemoryStore::get(const GetRequest& request, GetSink& sink,
                                    const CallOptions& options) {
    LoggedRequest logged;
    logged.call = StoreCall::get;
    logged.key = request.key;
    logged.get = request;
    logged.request_class = options.request_class;
    note(std::move(logged));
    const MemoryBucket::Content content = TRY(bucket_->get(request));
    TRY(sink.on_info(content.info));
    std::string_view left = std::string_view(*content.body).substr(content.offset, content.length);
    while (!left.empty()) {
        const std::string_view piece = left.substr(0, piece_bytes_);
        const BodySink::Action action = TRY(sink.on_data(piece));
        if (action == BodySink::Action::pause) {
            std::this_thread::yield();
            continue;
        }
        left.remove_prefix(piece.size());
    }
    LockGuard lock(mutex_);
    stats_.bytes_in += content.length;
    return content.info;
}

// A store looks first where the service heeds no condition.
Result<void> MemoryStore::check_absent(const ObjectKey& key, const CallOptions& options) {
    const MemoryService& service = bucket_->service();
    if (!service.must_not_exist_ignored_when_versioned || service.versioning.empty()) return {};
    const auto there = head(key, options);
    if (there) return fail(ErrorKind::already_exists, "the object exists already");
    if (there.error().kind != ErrorKind::not_found) return there.error();
    return {};
}

Result<PutReply> MemoryStore::put(const PutRequest& request, const CallOptions& options) {
    if (request.must_not_exist) TRY(check_absent(request.key, options));
    LoggedRequest logged{
        StoreCall::put, request.key, {}, request.attributes, options.request_class};
    note(std::move(logged));
    SharedBytes body = TRY(read_body(request.body.get()));
    {
        LockGuard lock(mutex_);
        stats_.bytes_out += body->size();
    }
    return bucket_->put(request, std::move(body));
}

Result<CopyReply> MemoryStore::copy(const CopyRequest& request, const CallOptions& options) {
    if (request.guard.destination_must_not_exist) TRY(check_absent(request.destination, options));
    note(LoggedRequest{StoreCall::copy, request.destination, request, {}, options.request_class});
    return bucket_->copy(request);
}

Result<ListPage> MemoryStore::list(const ListRequest& request, const CallOptions& options) {
    note(StoreCall::list, ObjectKey(request.prefix), options);
    return bucket_->list(request);
}

Result<void> MemoryStore::remove(const ObjectKey& key, const ETag& if_match,
                                 const CallOptions& options) {
    note(StoreCall::remove, key, options);
    return bucket_->remove(key, if_match);
}

Result<std::vector<DeleteFailure>> MemoryStore::remove_many(const std::vector<ObjectKey>& keys,
                                                            const CallOptions& options) {
    note(StoreCall::remove_many, {}, options);
    if (keys.size() > 1000)
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{} keys in one delete, the limit is 1000", keys.size()));
    std::vector<DeleteFailure> failures;
    for (const ObjectKey& key : keys)
        if (auto removed = bucket_->remove(key, {}); !removed)
            failures.push_back({key, std::move(removed).error()});
    return failures;
}

Result<UploadId> MemoryStore::create_upload(const ObjectKey& key,
                                            const ObjectAttributes& attributes,
                                            const CallOptions& options) {
    note(LoggedRequest{StoreCall::create_upload, key, {}, attributes, options.request_class});
    return bucket_->create_upload(key, attributes);
}

Result<PutReply> MemoryStore::append(const ObjectKey& key, uint64_t position,
                                     std::shared_ptr<BodySource> body, const CallOptions& options) {
    note(StoreCall::append, key, options);
    return bucket_->append(key, position, *TRY(read_body(body.get())));
}

Result<UploadPart> MemoryStore::upload_part(const ObjectKey& key, const UploadId& id,
                                            unsigned number, std::shared_ptr<BodySource> body,
                                            const CallOptions& options) {
    note(StoreCall::upload_part, key, options);
    SharedBytes bytes = TRY(read_body(body.get()));
    return bucket_->upload_part(key, id, number, std::move(bytes));
}

Result<UploadPart> MemoryStore::upload_part_copy(const ObjectKey& key, const UploadId& id,
                                                 unsigned number, const ObjectKey& source,
                                                 uint64_t offset, uint64_t length,
                                                 const ETag& source_if_match,
                                                 const CallOptions& options) {
    note(StoreCall::upload_part_copy, key, options);
    return bucket_->upload_part_copy(key, id, number, source, offset, length, source_if_match);
}

Result<PutReply> MemoryStore::complete_upload(const ObjectKey& key, const UploadId& id,
                                              const std::vector<UploadPart>& parts,
                                              const std::optional<ETag>& if_match,
                                              const CallOptions& options) {
    note(StoreCall::complete_upload, key, options);
    return bucket_->complete_upload(key, id, parts, if_match);
}

Result<void> MemoryStore::abort_upload(const ObjectKey& key, const UploadId& id,
                                       const CallOptions& options) {
    note(StoreCall::abort_upload, key, options);
    return bucket_->abort_upload(key, id);
}

Result<std::vector<PendingUpload>> MemoryStore::list_uploads(const std::string& prefix,
                                                             const CallOptions& options) {
    note(StoreCall::list_uploads, ObjectKey(prefix), options);
    return bucket_->list_uploads(prefix);
}

Result<Tags> MemoryStore::get_tags(const ObjectKey& key, const CallOptions& options) {
    note(StoreCall::get_tags, key, options);
    return bucket_->get_tags(key);
}

Result<void> MemoryStore::put_tags(const ObjectKey& key, const Tags& tags,
                                   const CallOptions& options) {
    note(StoreCall::put_tags, key, options);
    return bucket_->put_tags(key, tags);
}

Result<std::string> MemoryStore::get_acl(const ObjectKey& key, const CallOptions& options) {
    note(StoreCall::get_acl, key, options);
    return bucket_->get_acl(key);
}

Result<void> MemoryStore::put_acl(const ObjectKey& key, const std::string& canned,
                                  const CallOptions& options) {
    note(StoreCall::put_acl, key, options);
    return bucket_->put_acl(key, canned);
}

Result<ObjectLock> MemoryStore::get_lock(const ObjectKey& key, const ObjectInfo& head,
                                         const CallOptions& options) {
    const MemoryService& service = bucket_->service();
    const bool asks =
        service.traits.hides_locks && service.bucket_locks && !head.version_id.empty();
    if (!asks) return head.attributes.lock;
    note(StoreCall::get_lock, key, options);
    return bucket_->get_lock(key);
}

Result<void> MemoryStore::put_lock(const ObjectKey& key, const ObjectLock& lock,
                                   const VersionId& version, const CallOptions& options) {
    note(StoreCall::put_lock, key, options);
    return bucket_->put_lock(key, lock, version);
}

Result<void> MemoryStore::restore(const ObjectKey& key, std::optional<unsigned> days,
                                  const std::string& tier, const CallOptions& options) {
    note(StoreCall::restore, key, options);
    return bucket_->restore(key, days, tier);
}

Result<void> MemoryStore::put_symlink(const ObjectKey& key, const ObjectKey& target,
                                      const ObjectAttributes& attributes,
                                      const CallOptions& options) {
    note(LoggedRequest{StoreCall::put_symlink, key, {}, attributes, options.request_class});
    return bucket_->put_symlink(key, target, attributes);
}

Result<ObjectKey> MemoryStore::get_symlink(const ObjectKey& key, const CallOptions& options) {
    note(StoreCall::get_symlink, key, options);
    return bucket_->get_symlink(key);
}

Result<std::string> MemoryStore::presign_get(const ObjectKey& key, std::chrono::seconds life) {
    return bucket_->presign_get(key, life);
}

Result<void> MemoryStore::check_access(const CallOptions& options) {
    note(StoreCall::check_access, {}, options);
    return {};
}

Result<std::string> MemoryStore::versioning(const CallOptions& options) {
    note(StoreCall::versioning, {}, options);
    return bucket_->service().versioning;
}

Result<VersionList> MemoryStore::list_versions(const ObjectKey& key, size_t versions_max,
                                               const CallOptions& options) {
    note(StoreCall::list_versions, key, options);
    return bucket_->list_versions(key, versions_max);
}

}  // namespace xbucket::testing
