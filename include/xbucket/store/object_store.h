// SPDX-FileCopyrightText: the xbucket authors
// A bucket as an interface. Start here: everything above speaks to a bucket only through this.
//
// Every method blocks (head_async apart), is thread-safe, and works within CallOptions: the
// request's budget class and a deadline for all attempts together. Reads are retried by the store
// as the pure policy says (retry_policy.h). Mutations are retried only when the service has surely
// not applied them (throttled, refused connection, 5xx other than a lost reply); otherwise the
// error has outcome_unknown set and the caller resolves it by head() and compare (DESIGN 3.6).
// Common errors: access_denied, bad_credentials, expired_credentials, clock_skew, no_such_bucket,
// throttled, server_error, timed_out, network, tls, bad_reply. Others are named at each method.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/http/transport.h"
#include "xbucket/store/object_types.h"
#include "xbucket/store/upload_watcher.h"

#include <functional>
#include <memory>

namespace xbucket {

struct CallOptions {
    RequestClass request_class = RequestClass::interactive;
    // For all attempts of this call together; zero = the store's default (60 s for metadata; for
    // bodies no total, only the stall limit).
    Duration deadline{0};
    // Of head(): to ask for the object's checksum, where the service tells it only then.
    bool with_checksum = false;
};

// What of an object is read by a request of its own.
struct Facets {
    bool head = false;
    bool acl = false;
    bool tags = false;
};

// What came of those that were asked for.
struct FacetReplies {
    std::optional<Result<HeadReply>> head;
    std::optional<Result<std::string>> acl;
    std::optional<Result<Tags>> tags;
};

// Guard of an in-place copy (DESIGN 3.2). Unset members are not sent.
struct CopyGuard {
    std::optional<WallTime> source_unmodified_since;
    // Sent only where the service takes both time conditions.
    std::optional<WallTime> source_modified_since;
    std::optional<ETag> source_if_match;       // contents; never with the time conditions on S3
    std::optional<ETag> destination_if_match;  // where honoured
    bool destination_must_not_exist = false;
};

struct CopyRequest {
    ObjectKey source;
    VersionId source_version;  // "" = current
    ObjectKey destination;
    // Set: REPLACE with this complete set. Unset: COPY directive (never for source == destination).
    std::optional<ObjectAttributes> replace;
    CopyGuard guard;
    // Of a copy in parts, which takes no tags along by itself: fail (access_denied) rather than go
    // without tags that cannot be read.
    bool tags_required = false;
    // Multipart copies (above traits().copy_bytes_max) need the size; 0 = unknown, try one copy.
    uint64_t source_bytes = 0;
};

struct CopyReply {
    ETag etag;               // "" where the service did not say
    WallTime last_modified;  // cut to whole seconds
    WallTime date;
    VersionId version_id;
    // Of what was copied. In place and in parts: of what lay below the copy when it was completed,
    // where the bucket keeps versions and tells them.
    VersionId source_version_id;
    // Of a copy in parts: its source's, which every part was guarded by. Its own ETag says nothing
    // of the content. "" = it was made at once.
    ETag source_etag;
};

struct GetRequest {
    ObjectKey key;
    uint64_t offset = 0;
    // 0 = to the end.
    uint64_t length = 0;
    // All of the object, as its size is known here: then some services say a checksum.
    bool whole = false;
    ETag if_match;      // "" = none
    VersionId version;  // "" = current
};

// Receives a GET's bytes in order. Called on the transport's thread; must not block.
class GetSink {
  public:
    virtual ~GetSink() = default;
    // Once, before anything else, on the caller's thread: what to resume() after on_data() has
    // answered "pause", also across reconnections. For sinks that never pause it does nothing.
    virtual void on_start(std::shared_ptr<Transfer> transfer) { static_cast<void>(transfer); }
    // Before the first byte: what the reply says (size is the whole object's).
    virtual Result<void> on_info(const ObjectInfo& info) = 0;
    virtual Result<BodySink::Action> on_data(std::string_view bytes) = 0;
};

struct PutRequest {
    ObjectKey key;
    std::shared_ptr<BodySource> body;  // null = zero bytes
    ObjectAttributes attributes;
    // At most one of these.
    std::optional<ETag> if_match;  // sent only where traits().destination_conditions
    bool must_not_exist = false;   // If-None-Match:* / x-oss-forbid-overwrite
};

struct PutReply {
    ETag etag;
    VersionId version_id;
    WallTime date;
    std::optional<uint64_t> crc64;
};

struct ListRequest {
    std::string prefix;
    std::string delimiter;    // "/" or ""
    std::string token;        // from ListPage::next_token; "" = from the start
    std::string start_after;  // used when token is empty
    unsigned keys_max = 1000;
};

struct UploadPart {
    unsigned number = 0;  // 1..10000
    ETag etag;
    uint64_t bytes = 0;
    // Of what was sent; unset for parts that the service copied.
    std::optional<uint64_t> crc64 = {};
    // S3, as its reply says it: the copy of an object that has one.
    std::optional<Checksum> checksum = {};
};

struct PendingUpload {
    ObjectKey key;
    UploadId id;
    WallTime initiated;
};

struct DeleteFailure {
    ObjectKey key;
    Error error;
};

class ObjectStore {
  public:
    virtual ~ObjectStore() = default;

    virtual const StoreTraits& traits() const = 0;

    // HeadObject. Errors: not_found (also a delete marker).
    virtual Result<HeadReply> head(const ObjectKey& key, const CallOptions& options = {}) = 0;
    // Same without blocking; `done` runs on a thread that must not be blocked.
    virtual void head_async(const ObjectKey& key, const CallOptions& options,
                            std::function<void(Result<HeadReply>)> done) = 0;

    // head(), get_acl() and get_tags() at the same time where the store can do that: which of them
    // the service answers first is open. The default asks one after the other, HEAD first.
    virtual FacetReplies read_facets(const ObjectKey& key, Facets facets,
                                     const CallOptions& options = {});

    // GetObject, ranged when offset or length is set; checks 206 and Content-Range. Delivers all
    // bytes to `sink`, resuming inside the object after a broken connection (then pinned to the
    // first reply's ETag). Errors: not_found, bad_range (offset at or past the end),
    // precondition_failed (if_match), archived, checksum_mismatch.
    virtual Result<ObjectInfo> get(const GetRequest& request, GetSink& sink,
                                   const CallOptions& options = {}) = 0;

    // PutObject. Errors: already_exists (must_not_exist), precondition_failed, not_permitted
    // (WORM), no_attribute_space, invalid_argument, file_too_large.
    virtual Result<PutReply> put(const PutRequest& request, const CallOptions& options = {}) = 0;

    // AppendObject (OSS): `body` goes behind the `position` bytes that an appendable object has;
    // its metadata stays. The reply's CRC64 is the whole object's. Errors: conflict (it is not that
    // long), unsupported (it is not appendable, or nothing is here).
    virtual Result<PutReply> append(const ObjectKey& key, uint64_t position,
                                    std::shared_ptr<BodySource> body,
                                    const CallOptions& options = {}) = 0;

    // CopyObject; with `replace` and source == destination the metadata update. One request at
    // any size the service takes, else multipart copy with `replace` resent at its start. Parses
    // 200-with-<Error>. Errors: not_found, precondition_failed (guard), archived, not_permitted
    // (WORM), no_attribute_space, unsupported, file_too_large, already_exists.
    virtual Result<CopyReply> copy(const CopyRequest& request, const CallOptions& options = {}) = 0;

    // ListObjectsV2 with encoding-type=url, one page. Errors: bad_reply for pages that do not
    // parse, lack a token, or repeat the one given.
    virtual Result<ListPage> list(const ListRequest& request, const CallOptions& options = {}) = 0;

    // DeleteObject; success when the key is not there. `if_match` is sent where honoured.
    virtual Result<void> remove(const ObjectKey& key, const ETag& if_match = {},
                                const CallOptions& options = {}) = 0;
    // DeleteMultipleObjects, up to 1000 keys; the keys that could not be deleted. Keys that XML
    // cannot carry are deleted one by one.
    virtual Result<std::vector<DeleteFailure>> remove_many(const std::vector<ObjectKey>& keys,
                                                           const CallOptions& options = {}) = 0;

    // Multipart. Attributes go on create. Errors: not_found for an unknown upload.
    virtual Result<UploadId> create_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                           const CallOptions& options = {}) = 0;
    virtual Result<UploadPart> upload_part(const ObjectKey& key, const UploadId& id,
                                           unsigned number, std::shared_ptr<BodySource> body,
                                           const CallOptions& options = {}) = 0;
    // Copies [offset, offset+length) of `source`, guarded by its ETag.
    virtual Result<UploadPart> upload_part_copy(const ObjectKey& key, const UploadId& id,
                                                unsigned number, const ObjectKey& source,
                                                uint64_t offset, uint64_t length,
                                                const ETag& source_if_match,
                                                const CallOptions& options = {}) = 0;
    // The reply's ETag is "" where the service does not say it and HEAD shows something else.
    virtual Result<PutReply> complete_upload(const ObjectKey& key, const UploadId& id,
                                             const std::vector<UploadPart>& parts,
                                             const std::optional<ETag>& if_match = {},
                                             const CallOptions& options = {}) = 0;
    virtual Result<void> abort_upload(const ObjectKey& key, const UploadId& id,
                                      const CallOptions& options = {}) = 0;
    virtual Result<std::vector<PendingUpload>> list_uploads(const std::string& prefix,
                                                            const CallOptions& options = {}) = 0;

    // Who is told of the uploads that copy() begins, of this store's users the last one to say so;
    // null = nobody. Kept as long as such a copy is under way.
    virtual void watch_uploads(std::shared_ptr<UploadWatcher> watcher) {
        static_cast<void>(watcher);
    }

    // Tagging. put_tags replaces the set; an empty set deletes it. Errors: unsupported.
    virtual Result<Tags> get_tags(const ObjectKey& key, const CallOptions& options = {}) = 0;
    virtual Result<void> put_tags(const ObjectKey& key, const Tags& tags,
                                  const CallOptions& options = {}) = 0;

    // Canned ACL: "default" (OSS), "private", "public-read", "public-read-write", ... On S3 grants
    // that no canned name describes come as one text, which is taken in place of a name wherever an
    // ACL is sent: 'full-control=id="O";read=id="A",uri="U"'. Those that no request takes (WRITE,
    // which means nothing for an object) are `unsupported`.
    virtual Result<std::string> get_acl(const ObjectKey& key, const CallOptions& options = {}) = 0;
    virtual Result<void> put_acl(const ObjectKey& key, const std::string& canned,
                                 const CallOptions& options = {}) = 0;

    // Retention and legal hold of the object, or version, that HEAD described as `head`. S3 leaves
    // them out of HEAD's reply for who may not read them; then they are asked for here. Costs no
    // request where nothing can be left out: with another service, of an object without a version
    // (only these can be locked), and in a bucket without Object Lock, which is asked once.
    // Errors: access_denied (there may be a lock), not_found. The default says what HEAD said.
    virtual Result<ObjectLock> get_lock(const ObjectKey& key, const ObjectInfo& head,
                                        const CallOptions& options = {});
    // PutObjectRetention and PutObjectLegalHold, as far as `lock` has them. `version` "" = current.
    // The default: unsupported.
    virtual Result<void> put_lock(const ObjectKey& key, const ObjectLock& lock,
                                  const VersionId& version, const CallOptions& options = {});

    // RestoreObject. No `days`: for good, which is what traits().class_restored_for_good takes, and
    // nothing else. `tier` "" = the service's default. Errors: conflict when already in progress,
    // unsupported when not archived.
    virtual Result<void> restore(const ObjectKey& key, std::optional<unsigned> days,
                                 const std::string& tier, const CallOptions& options = {}) = 0;

    // PutSymlink / GetSymlink (OSS). Target: a key of this bucket. Errors: unsupported.
    virtual Result<void> put_symlink(const ObjectKey& key, const ObjectKey& target,
                                     const ObjectAttributes& attributes,
                                     const CallOptions& options = {}) = 0;
    virtual Result<ObjectKey> get_symlink(const ObjectKey& key,
                                          const CallOptions& options = {}) = 0;

    // A GET URL that works without credentials for `life`. Makes no request.
    virtual Result<std::string> presign_get(const ObjectKey& key, std::chrono::seconds life) = 0;

    // One cheap authenticated request that proves bucket, endpoint, region, key and clock: a LIST
    // of at most one key. Errors name what is wrong and what to do.
    virtual Result<void> check_access(const CallOptions& options = {}) = 0;
    // Whether the bucket is versioned ("", "Enabled", "Suspended").
    virtual Result<std::string> versioning(const CallOptions& options = {}) = 0;
    // The versions and delete markers of `key`, the newest `versions_max` of them. A bucket that
    // never kept versions tells the object itself, as version "null"; of a key that never was there
    // are none. Errors: unsupported (the service has no such request), bad_reply.
    virtual Result<VersionList> list_versions(const ObjectKey& key, size_t versions_max,
                                              const CallOptions& options = {}) = 0;

    // Requests by kind ("HEAD", "COPY", "LIST", ...) and counts of retries; for user.xbucket.stats.
    struct Stats {
        std::map<std::string, uint64_t> requests;
        uint64_t retries = 0;
        uint64_t bytes_in = 0;
        uint64_t bytes_out = 0;
        uint64_t in_flight = 0;
    };
    virtual Stats stats() const = 0;
};

}  // namespace xbucket
