// SPDX-FileCopyrightText: the xbucket authors
// What doctor asks of the service: each right by itself, so that one that is missing hides no
// other.
#include "doctor_checks.h"
#include "interrupt.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

using Level = Finding::Level;

constexpr CallOptions kCall{.deadline = std::chrono::seconds(10)};

// What the service answered, and which right is missing.
void tell(const FindingSink& found, std::string check, const Result<void>& result,
          std::string_view good, std::string_view right) {
    if (result) {
        found({Level::good, std::move(check), std::string(good), ""});
        return;
    }
    const Error& error = result.error();
    const bool denied = error.kind == ErrorKind::access_denied;
    const bool missing = error.kind == ErrorKind::unsupported;
    found({missing ? Level::note : Level::bad, std::move(check), error.describe(),
           denied    ? fmt::format("let the key's policy allow {}", right)
           : missing ? std::string("attributes that need it will say so")
                     : std::string("see what the service says")});
}

template <class T>
Result<void> outcome(const Result<T>& result) {
    if (result) return {};
    return result.error();
}

class CountingSink final : public GetSink {
  public:
    Result<void> on_info(const ObjectInfo&) override { return {}; }
    Result<BodySink::Action> on_data(std::string_view) override { return BodySink::Action::taken; }
};

void check_clock(Bucket& bucket, WallTime date, const FindingSink& found) {
    if (date.since_epoch.count() == 0) return;
    const auto ahead =
        std::chrono::duration_cast<std::chrono::seconds>(bucket.clock().wall_now() - date);
    const auto off = std::chrono::abs(ahead);
    // Metadata edits are told apart by the service's clock alone; signatures fail at 15 minutes.
    const bool bad = off > std::chrono::minutes(10);
    const bool odd = off > std::chrono::seconds(2);
    found({bad   ? Level::bad
           : odd ? Level::note
                 : Level::good,
           "clock",
           odd ? fmt::format("this machine is {} s {} the service", off.count(),
                             ahead.count() > 0 ? "ahead of" : "behind")
               : std::string("agrees with the service's"),
           odd ? "set it: timedatectl set-ntp true" : ""});
}

// An object that others made, which says more about reading than one of our own.
std::optional<ObjectKey> some_object(Bucket& bucket) {
    const auto page = bucket.store().list({.keys_max = 100}, kCall);
    if (!page) return std::nullopt;
    for (const ListEntry& entry : page->objects) {
        if (!entry.key.str().ends_with('/')) return entry.key;
    }
    return std::nullopt;
}

void check_versioning(ObjectStore& store, const FindingSink& found) {
    const auto versioning = store.versioning(kCall);
    if (!versioning) return;
    const bool on = *versioning == "Enabled";
    found({on ? Level::note : Level::good, "versioning",
           versioning->empty() ? "never enabled" : *versioning,
           on ? "every change of an attribute makes a billed version of the object" : ""});
}

void check_reading(ObjectStore& store, const ObjectKey& key, const FindingSink& found) {
    tell(found, "head", outcome(store.head(key, kCall)), "metadata can be read", "GetObject");
    CountingSink sink;
    const auto got = store.get({.key = key, .length = 1}, sink, kCall);
    // An empty object has no first byte.
    const bool empty = !got && got.error().kind == ErrorKind::bad_range;
    tell(found, "get", empty ? Result<void>() : outcome(got), "content can be read", "GetObject");
    tell(found, "acl", outcome(store.get_acl(key, kCall)), "ACLs can be read, so edits keep them",
         "GetObjectAcl");
    tell(found, "tags", outcome(store.get_tags(key, kCall)), "tags can be read",
         "GetObjectTagging");
}

// A copy of the object onto itself with a condition that is false: 412 where conditions count.
void check_copying(ObjectStore& store, const ObjectKey& key, const FindingSink& found) {
    const auto head = store.head(key, kCall);
    if (!head) return;
    CopyRequest request{.source = key, .destination = key, .replace = head->info.attributes};
    request.source_bytes = head->info.size;
    const auto copied = store.copy(request, kCall);
    tell(found, "copy", outcome(copied), "metadata can be changed (copy in place)",
         "GetObject and PutObject");
    if (!copied) return;
    request.guard.source_unmodified_since = head->info.last_modified - std::chrono::hours(1);
    const auto guarded = store.copy(request, kCall);
    if (!guarded && guarded.error().kind == ErrorKind::precondition_failed) {
        found({Level::good, "conditions",
               "copy conditions are honoured: edits of several clients "
               "do not undo each other",
               ""});
    } else if (guarded) {
        found({Level::note, "conditions", "copy conditions are ignored by this service",
               "edits of two clients within one round trip can undo each other"});
    } else {
        tell(found, "conditions", outcome(guarded), "", "PutObject");
    }
}

// protocol.md 3.1
bool is_looked_for(ObjectStore& store, const ObjectKey& key) {
    if (store.traits().dialect != "oss") return false;
    const auto head = store.head(key, kCall);
    return head && !head->info.version_id.empty();
}

// The object is there, so a PUT of a new one under its name must be refused.
void check_creating(ObjectStore& store, const ObjectKey& key, const FindingSink& found) {
    PutRequest put{.key = key};
    put.must_not_exist = true;
    const auto again = store.put(put, kCall);
    if (again) {
        found({Level::note, "create", "the condition \"only if it is not there\" is ignored",
               "two clients that create the same file or directory at once can overwrite each "
               "other's"});
    } else if (again.error().kind == ErrorKind::already_exists && is_looked_for(store, key)) {
        found(
            {Level::note, "create",
             "OSS has no condition \"only if it is not there\" in a bucket with versions, so that "
             "xbucket looks before",
             "two clients that create the same file or directory at once can overwrite each "
             "other's; what was overwritten is in the history"});
    } else if (again.error().kind == ErrorKind::already_exists ||
               again.error().kind == ErrorKind::precondition_failed) {
        found({Level::good, "create", "what another client created meanwhile is not overwritten",
               ""});
    } else {
        tell(found, "create", outcome(again), "", "PutObject");
    }
}

void check_multipart(ObjectStore& store, const ObjectKey& key, const FindingSink& found) {
    const auto upload = store.create_upload(key, {}, kCall);
    tell(found, "multipart",
         upload ? store.abort_upload(key, *upload, kCall) : Result<void>(upload.error()),
         "large files can be sent in parts", "PutObject and AbortMultipartUpload");
}

void check_marks(ObjectStore& store, const ObjectKey& key, const FindingSink& found) {
    const auto acl = store.get_acl(key, kCall);
    tell(found, "put-acl", store.put_acl(key, acl ? *acl : "private", kCall), "ACLs can be set",
         "PutObjectAcl");
    tell(found, "put-tags", store.put_tags(key, {{"xbucket", "doctor"}}, kCall), "tags can be set",
         "PutObjectTagging");
}

// The object that doctor makes, and takes away whatever happens.
class OwnObject {
  public:
    explicit OwnObject(ObjectStore& store)
        : store_(store), key_(fmt::format(".xbucket-doctor-{}", hex_encode(random_bytes(6)))) {}

    // False: it cannot be written, and the sink knows why.
    bool put(const FindingSink& found) {
        PutRequest put{.key = key_};
        put.attributes.user["xbucket-doctor"] = "delete-me";
        const auto stored = store_.put(put, kCall);
        if (!stored && stored.error().kind == ErrorKind::access_denied) {
            found({Level::bad, "put", stored.error().describe(),
                   "let the key's policy allow PutObject, or mount with --ro"});
            return false;
        }
        tell(found, "put", outcome(stored), "objects can be written", "PutObject");
        if (!stored) {
            // The reply may be all that was lost.
            if (stored.error().outcome_unknown) {
                static_cast<void>(store_.remove(key_, {}, kCall));
            }
            return false;
        }
        date_ = stored->date;
        versioned_ = !stored->version_id.str().empty();
        return true;
    }

    void remove(const FindingSink& found) {
        tell(found, "delete", store_.remove(key_, {}, kCall), "objects can be deleted",
             "DeleteObject");
        if (const auto left = store_.head(key_, kCall)) {
            found({Level::note, "delete", fmt::format("{} is still there", key_.str()),
                   "delete it by hand"});
        } else if (versioned_) {
            found(
                {Level::note, "delete",
                 fmt::format("old versions of {} stay, as this bucket keeps versions", key_.str()),
                 "delete them by hand, or leave it to the bucket's lifecycle rules"});
        }
    }

    const ObjectKey& key() const { return key_; }
    WallTime date() const { return date_; }

  private:
    ObjectStore& store_;
    const ObjectKey key_;
    WallTime date_;
    bool versioned_ = false;
};

}  // namespace

Reach check_reach(Bucket& bucket, const FindingSink& found) {
    const TimePoint begun = bucket.clock().now();
    const auto reached = bucket.reach();
    if (!reached) {
        const Error& error = reached.error();
        const bool denied = error.kind == ErrorKind::access_denied;
        found({Level::bad, "list", error.message,
               denied ? "without it no directory can be shown; what follows needs other rights"
                      : ""});
        return denied ? Reach::not_listed : Reach::not_at_all;
    }
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(bucket.clock().now() - begun);
    found({Level::good, "list",
           fmt::format("the bucket can be listed; connecting and asking took {} ms", took.count()),
           ""});
    const auto page = bucket.store().list({.keys_max = 1}, kCall);
    if (page) check_clock(bucket, page->date, found);
    return Reach::listed;
}

void check_objects(Bucket& bucket, Reach reach, bool read_only, const FindingSink& found) {
    ObjectStore& store = bucket.store();
    check_versioning(store, found);
    OwnObject own(store);
    const bool made = !read_only && own.put(found);
    if (made && reach != Reach::listed) check_clock(bucket, own.date(), found);
    std::optional<ObjectKey> sample = some_object(bucket);
    if (!sample && made) sample = own.key();
    if (sample) {
        check_reading(store, *sample, found);
    } else {
        found({Level::note, "head", "there is no object that reading could be tried on", ""});
    }
    if (!made) return;
    for (const auto check : {check_copying, check_creating, check_multipart, check_marks}) {
        if (!interrupted()) check(store, own.key(), found);
    }
    own.remove(found);
}

}  // namespace xbucket::app
