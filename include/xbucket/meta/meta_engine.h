// SPDX-FileCopyrightText: the xbucket authors
// Metadata of a bucket as fs sees it: cached reads, guarded updates, and the bookkeeping that makes
// uploads, renames and deletes of an object updates too (DESIGN 3). Start here in meta/.
//
// Reads are served from an in-memory cache (life and bytes bounded) with one HEAD in flight per
// key. Writes follow DESIGN 3: complete, guarded, one mutation in flight per key, unknown outcomes
// resolved by HEAD and compare.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/meta/attributes.h"
#include "xbucket/store/key_order.h"
#include "xbucket/store/object_store.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace xbucket {

// When a metadata change is acknowledged: by the service, or with `timed` (write-behind, -o commit=
// TIME) by a journal on this machine's disk.
enum class Durability { on_return, timed };
enum class PreservePolicy { best_effort, strict };  // what to do when an ACL cannot be read
enum class VerifyPolicy { first, always, never };   // read back after a copy (DESIGN 3.4)

struct MetaConfig {
    Duration positive_life = std::chrono::seconds(60);
    Duration negative_life = std::chrono::seconds(5);
    uint64_t cache_bytes_max = 64U << 20;
    bool list_all = false;
    Durability durability = Durability::on_return;
    PreservePolicy preserve = PreservePolicy::best_effort;
    VerifyPolicy verify = VerifyPolicy::first;
    bool big_copies = false;                              // -o bigcopy (DESIGN 3.12)
    Duration update_deadline = std::chrono::seconds(60);  // 412 retries are bounded by this
    Duration posix_delay = std::chrono::seconds(2);       // chmod/chown/utimens recorded within
    // Where journals of this source, and no other, lie; "" only without write-behind. What mounts
    // that died left there, or in older_journals, is sent by the next one, write-behind or not.
    std::string journal_directory;
    std::vector<std::string> older_journals;
    std::string journal_source;                       // its name for a person who finds the journal
    Duration commit_delay = std::chrono::seconds(1);  // from the first change of an object
    size_t journal_changes_max = 100'000;             // above that nothing waits
    bool journal_survives_power_loss = true;          // else only the end of the process
    size_t senders_max = 64;  // objects that are sent late at a time, where the service keeps up
    uint64_t seed = 0;        // jitter; 0 = from the system
};

// What is known of a key.
struct ObjectStat {
    uint64_t size = 0;
    ETag etag;
    WallTime last_modified;
    ObjectType type = ObjectType::unknown;
    std::string storage_class;
    // Recorded POSIX state with what is pending merged in. Only meaningful with posix_known: the
    // entry is complete, or an earlier HEAD of the same ETag and Last-Modified, or an own write,
    // made it known.
    PosixRecord posix;
    bool posix_known = false;
    // Learnt by HEAD (true) or from a listing only (false).
    bool complete = false;
    TimePoint expires;  // until when it may be shown without asking
    // In what tells of an own update or rename: ETag of the content whose attributes it changed,
    // which is the same content now under `etag`. Multipart and KMS objects get a new one. ""
    // otherwise.
    ETag edited;
};

enum class Freshness {
    cached,    // within its life; an entry known from a listing alone is enough
    complete,  // within its life, attributes included (HEAD where only a listing is known)
    current,   // by a HEAD begun after this call
};

// What memory holds of a key, for whoever decides what to fetch ahead.
enum class Knowledge {
    nothing,
    absent,    // known not to be there
    listed,    // a listing's few facts
    outlived,  // complete once; a listing that agrees makes it so again
    complete,
};

struct JournaledSend;  // meta's own

// Result of preparing an upload: everything the PUT must carry.
struct UploadPlan {
    ObjectAttributes attributes;  // complete: existing object's, patched with what is staged
    bool exists = false;
    ETag base_etag;  // of the existing object
    WallTime base_last_modified;
    ObjectAttributes base_attributes;  // as read, before `staged` was applied
    // What others changed since base_attributes was read; set by recheck_upload(), applied by
    // finish_upload() as a guarded patch.
    std::optional<ObjectAttributes> late_attributes;
    PosixRecord late_posix;  // of them: mode and owner; the times are the upload's own
    // The same for what moves without the object: the ACL ("" = the default) and the tags.
    std::string base_acl;
    Tags base_tags;
    std::optional<std::string> late_acl;
    std::optional<Tags> late_tags;
    TimePoint planned;  // begun
    // What was pending then: older than what is staged, and done with when the upload is.
    PosixRecord pending;
    std::shared_ptr<const JournaledSend> journaled;
    bool journal_waits = false;  // what is in the journal waits for the object as it will be then
};

// Whether an upload takes along what waits in the journal for its object.
enum class Journaled { goes_along, waits };

// An upload that the service has acknowledged.
struct FinishedUpload {
    ObjectStat stat;
    // Why the object's metadata is not what it was to be. What may go better later is tried again
    // by flush(), send_below(), and after a while.
    Result<void> settled;

    Result<ObjectStat> result() && {
        if (!settled) return std::move(settled).error();
        return std::move(stat);
    }
};

// Thread-safe. Calls block on the network unless they say otherwise.
class MetaEngine {
  public:
    virtual ~MetaEngine() = default;

    // Opens the journal, and begins to send what mounts that died left behind. Once, before use;
    // not needed where there is no journal directory. Errors: io.
    virtual Result<void> start() = 0;

    virtual const AttributeModel& model() const = 0;
    virtual Durability durability() const = 0;
    virtual KeyOrder& order() = 0;

    // ---- reading -----------------------------------------------------------------------------
    // Errors: not_found (cached for the negative life) and the store's.
    virtual Result<ObjectStat> stat(const ObjectKey& key, Freshness freshness) = 0;
    // Never blocks: nullopt when memory does not know. A remembered negative is not_found.
    virtual std::optional<Result<ObjectStat>> stat_cached(const ObjectKey& key) = 0;

    // getxattr / listxattr. Foreign names are answered without the object (no_such_attribute). A
    // directory without a marker (key ending in '/', or "" for the root) has no attributes: that
    // is no_such_attribute and an empty list, never not_found.
    // Errors: no_such_attribute, not_found, access_denied.
    virtual Result<std::string> get_attribute(const ObjectKey& key, std::string_view name) = 0;
    virtual std::optional<Result<std::string>> get_attribute_cached(const ObjectKey& key,
                                                                    std::string_view name) = 0;
    virtual Result<std::vector<std::string>> list_attributes(const ObjectKey& key) = 0;
    virtual std::optional<Result<std::vector<std::string>>> list_attributes_cached(
        const ObjectKey& key) = 0;

    // The text of a symbolic link that metadata holds; "" where none does. Errors: stat()'s.
    virtual Result<std::string> link_target(const ObjectKey& key) = 0;

    // Starts to read what is not completely known of these keys, many at once and against a budget
    // of their own, and returns at once. Who needs one of them meanwhile waits for the answer that
    // is on its way instead of asking again. Fetches no more than the cache can hold.
    enum class Ahead { metadata, metadata_and_tags };
    virtual void prefetch(const std::vector<ObjectKey>& keys, Ahead ahead) = 0;
    // Never blocks.
    virtual Knowledge knowledge(const ObjectKey& key) const = 0;
    // Until when a key is known not to be there; never() where that is not remembered.
    virtual TimePoint absent_until(const ObjectKey& key) const = 0;

    // ---- changing ----------------------------------------------------------------------------
    // setxattr / removexattr: returns when the service has acknowledged; with write-behind when the
    // journal has, for metadata and HTTP fields of objects that exist. A value that is already
    // there copies nothing. For keys ending in '/' a missing marker is created (only if absent).
    // Flags are judged against fresh state. Takes the key's turn itself.
    // Errors: AttributeModel::apply()'s, not_found, conflict (deadline of retries), archived,
    // not_permitted (WORM), file_too_large, access_denied (preserve=strict).
    virtual Result<void> change_attribute(const ObjectKey& key, std::string_view name,
                                          std::optional<std::string> value, SetFlag flag) = 0;
    // Several changes of one object: metadata, headers and class as one update, all or none of them
    // (but where one to be removed is not there, each by itself); then tags, ACL and restore, each
    // by its own request, and one that fails keeps no other from it. Removing what is not there
    // succeeds. The first error; errors as change_attribute().
    virtual Result<void> change_attributes(const ObjectKey& key,
                                           std::vector<AttrChange> changes) = 0;
    // chmod, chown, utimens: never fails, never blocks; merged, sent within posix_delay, by
    // flush(), with the next attribute change, upload or rename of the key. stat() shows it at
    // once.
    virtual void record_posix(const ObjectKey& key, const PosixRecord& change) = 0;
    // Sends what is pending for `key`. Errors as change_attribute(), and io for journaled changes
    // that can never be sent (as take_failure()).
    virtual Result<void> flush(const ObjectKey& key) = 0;
    // Sends everything pending at keys that start with `prefix`, and tells of nothing that can
    // never be sent; the first error, after trying all.
    virtual Result<void> send_below(const std::string& prefix) = 0;
    // As take_failure(), of all keys that start with `prefix`, as one error.
    virtual Result<void> take_failures_below(const std::string& prefix) = 0;
    // Both: what can never be sent stays to be told where something else is the error.
    Result<void> flush_below(const std::string& prefix) {
        auto sent = send_below(prefix);
        return sent ? take_failures_below(prefix) : sent;
    }
    // The same of directories alone, before they are renamed: what waits for one without an object
    // has no object to go along with. Errors as flush()'s.
    virtual Result<void> flush_directories_below(const std::string& prefix) = 0;
    // A journaled change of `key` that can never be sent (conflict, object gone, limit) is told
    // once, to whoever asks first; the list keeps it. Does not block on the network. Errors: io,
    // and access_denied as long as a change of it waits that the service refuses.
    virtual Result<void> take_failure(const ObjectKey& key) = 0;
    // user.xbucket.failures: a JSON array of such changes, of `key`, or of every key below it where
    // it ends in '/' or is "". At most 64 KiB, the newest first.
    virtual std::string failures_json(const ObjectKey& key) const = 0;

    // ---- uploads, renames, deletes: the caller holds order().acquire(key) throughout ------------
    // HEAD just before PUT or CreateMultipart (DESIGN 3.8): the existing object's complete metadata
    // with `staged` and what is pending applied; a fresh set with the default content type when
    // there is none.
    virtual Result<UploadPlan> plan_upload(const ObjectKey& key, const Patch& staged,
                                           Journaled journaled) = 0;
    Result<UploadPlan> plan_upload(const ObjectKey& key, const Patch& staged) {
        return plan_upload(key, staged, Journaled::goes_along);
    }
    // Before Complete of a multipart upload: reads the object again and notes in `plan` what others
    // changed meanwhile. Errors: stale (content was replaced since plan_upload()), the store's.
    virtual Result<void> recheck_upload(const ObjectKey& key, UploadPlan& plan) {
        static_cast<void>(key);
        static_cast<void>(plan);
        return {};
    }
    // After PUT / Complete: compares, applies what others changed meanwhile as a guarded patch,
    // adopts the reply as this mount's own last result. `size` is the uploaded object's. POSIX
    // state that travelled with the upload is no longer pending. The content is the service's
    // whatever fails here.
    virtual FinishedUpload finish_upload(const ObjectKey& key, const UploadPlan& plan,
                                         const PutReply& reply, uint64_t size) = 0;
    // Copies `from` to `to` with pending changes applied, reads the source again, copies again if
    // it moved, deletes the source with If-Match where honoured (DESIGN 3.9). The caller holds both
    // keys. Content type is re-derived where it equals the old name's default.
    // Errors: not_found, already_exists (no_replace), and copy()'s.
    virtual Result<ObjectStat> rename(const ObjectKey& from, const ObjectKey& to,
                                      bool no_replace) = 0;
    // Deletes; pending changes are dropped. Success when it was not there.
    virtual Result<void> remove(const ObjectKey& key) = 0;
    // Something else was put in the object's place by other means (a symlink): pending changes are
    // dropped, and what was known of it is forgotten.
    virtual void replaced(const ObjectKey& key) = 0;

    // ---- cache -------------------------------------------------------------------------------
    // A listing page carries size, ETag and Last-Modified of its keys: entries that agree are
    // renewed, others lose their attributes.
    virtual void observe_listing(const ListPage& page) = 0;
    // Remembers that `key` does not exist: a listing that was asked for at `begun` would have shown
    // it. What this mount changed since then stands.
    virtual void observe_absent(const ObjectKey& key, TimePoint begun) = 0;
    // An own change by other means (symlink, directory marker): forget what was known.
    virtual void forget(const ObjectKey& key) = 0;
    // user.xbucket.refresh: the key itself, and everything below it when it ends in '/' or is "".
    virtual void forget_below(const std::string& prefix) = 0;

    // JSON object for user.xbucket.stats; never blocks.
    virtual std::string stats_json() const = 0;
    // Called when an own update, a HEAD or a listing changed what is known of a key; from any
    // thread, must not block nor call back. Set once before use.
    using Listener = std::function<void(const ObjectKey&, const ObjectStat&)>;
    virtual void set_listener(Listener listener) = 0;
    // Sends all that is pending and stops background work. Further changes fail with cancelled.
    // Journaled changes that could not be sent now wait for the next mount of the source. Errors:
    // io for those that can never be sent and that nobody has been told of; they stay to be told.
    virtual Result<void> shutdown() = 0;
};

// References must outlive the engine. Errors: invalid_argument (Durability::timed without a
// directory for the journal).
Result<std::unique_ptr<MetaEngine>> make_meta_engine(const MetaConfig& config, ObjectStore& store,
                                                     Clock& clock);

}  // namespace xbucket
