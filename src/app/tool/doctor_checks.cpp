// SPDX-FileCopyrightText: the xbucket authors
#include "doctor_checks.h"

#include "../spool_place.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/statvfs.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

using Level = Finding::Level;

constexpr CallOptions kCall{.deadline = std::chrono::seconds(10)};

void check_fuse(const Config& config, const FindingSink& found) {
    const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        found({Level::bad, "fuse", fmt::format("/dev/fuse: {}", std::strerror(errno)),
               errno == ENOENT ? "run: modprobe fuse; in a container pass --device /dev/fuse "
                                 "--cap-add SYS_ADMIN"
                               : "its mode must let you read and write it"});
    } else {
        close(fd);
        found({Level::good, "fuse", "/dev/fuse can be opened", ""});
    }
    bool helper = false;
    for (const char* path :
         {"/usr/bin/fusermount3", "/bin/fusermount3", "/usr/local/bin/fusermount3"}) {
        helper = helper || access(path, X_OK) == 0;
    }
    if (helper || geteuid() == 0) {
        found({Level::good, "fusermount3", helper ? "is there" : "is not there; root needs none",
               ""});
    } else {
        found({Level::bad, "fusermount3", "is not there", "install the package fuse3"});
    }
    if (!config.allow_other || geteuid() == 0) return;
    std::ifstream conf("/etc/fuse.conf");
    std::string line;
    while (std::getline(conf, line)) {
        if (trim_ows(line) == "user_allow_other") return;
    }
    found({Level::bad, "allow_other", "needs user_allow_other in /etc/fuse.conf",
           "add that line, as root"});
}

void check_spool(const Config& config, const Environment& environment, const FindingSink& found) {
    auto place = spool_path(config, environment, geteuid() == 0);
    if (!place) {
        found({Level::bad, "spool", place.error().message, ""});
        return;
    }
    // A mount makes it: until then what counts is where it will be made.
    std::filesystem::path there = *place;
    std::error_code ignored;
    while (!there.empty() && there != "/" && !std::filesystem::exists(there, ignored)) {
        there = there.parent_path();
    }
    struct statvfs st {};
    if (statvfs(there.c_str(), &st) != 0 || access(there.c_str(), W_OK | X_OK) != 0) {
        found({Level::bad, "spool", fmt::format("{}: {}", there.string(), std::strerror(errno)),
               "give a directory of your own with --spool"});
        return;
    }
    const uint64_t free = static_cast<uint64_t>(st.f_bavail) * st.f_frsize;
    const bool small = free < (1ULL << 30U);
    found({small ? Level::note : Level::good, "spool",
           fmt::format("{} has {} MiB free", *place, free >> 20U),
           small ? "files lie there while they are written: --spool names another place" : ""});
    if (const size_t kept = count_kept_files(*place); kept != 0) {
        found({Level::note, "recovery", fmt::format("{} files that could not be uploaded", kept),
               "xbucket status names them"});
    }
}

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

void check_clock(Bucket& bucket, const FindingSink& found) {
    const auto page = bucket.store().list({.keys_max = 1}, kCall);
    if (!page || page->date.since_epoch.count() == 0) return;
    const auto ahead =
        std::chrono::duration_cast<std::chrono::seconds>(bucket.clock().wall_now() - page->date);
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

std::optional<ObjectKey> some_object(Bucket& bucket) {
    const auto page = bucket.store().list({.keys_max = 100}, kCall);
    if (!page) return std::nullopt;
    for (const ListEntry& entry : page->objects) {
        if (!entry.key.str().ends_with('/')) return entry.key;
    }
    return std::nullopt;
}

}  // namespace

void check_machine(const Config& config, const Environment& environment, const FindingSink& found) {
    check_fuse(config, found);
    if (!config.read_only) check_spool(config, environment, found);
}

std::optional<std::unique_ptr<Bucket>> check_setup(const Config& config,
                                                   const Environment& environment,
                                                   const FindingSink& found) {
    auto bucket = Bucket::open(config, environment);
    if (!bucket) {
        found({Level::bad, "settings", bucket.error().message, ""});
        return std::nullopt;
    }
    const Config& full = (*bucket)->config();
    found({Level::good, "settings",
           fmt::format("bucket {}, endpoint {}, region {}", full.source.bucket,
                       full.endpoint.empty() ? "by region" : full.endpoint,
                       full.region.empty() ? "by the endpoint" : full.region),
           ""});
    const auto key = (*bucket)->credentials().get();
    if (!key) {
        found({Level::bad, "credentials", key.error().message, ""});
        return std::nullopt;
    }
    std::string what = key->access_key_id.empty()
                           ? std::string("anonymous")
                           : fmt::format("{} from {}", key->access_key_id, key->source);
    if (key->expiration) what += fmt::format(", until {}", format_iso8601(*key->expiration));
    found({Level::good, "credentials", what, ""});
    return *std::move(bucket);
}

bool check_reach(Bucket& bucket, const FindingSink& found) {
    const auto reached = bucket.reach();
    if (!reached) {
        found({Level::bad, "list", reached.error().message, ""});
        return false;
    }
    found({Level::good, "list", "the bucket can be listed", ""});
    check_clock(bucket, found);
    return true;
}

void check_reading(Bucket& bucket, const FindingSink& found) {
    ObjectStore& store = bucket.store();
    if (const auto versioning = store.versioning(kCall)) {
        const bool on = *versioning == "Enabled";
        found({on ? Level::note : Level::good, "versioning",
               versioning->empty() ? "never enabled" : *versioning,
               on ? "every change of an attribute makes a billed version of the object" : ""});
    }
    const auto key = some_object(bucket);
    if (!key) {
        found({Level::note, "head", "the bucket has no object to read", ""});
        return;
    }
    tell(found, "head", outcome(store.head(*key, kCall)), "metadata can be read", "GetObject");
    CountingSink sink;
    const auto got = store.get({.key = *key, .length = 1}, sink, kCall);
    // An empty object has no first byte.
    const bool empty = !got && got.error().kind == ErrorKind::bad_range;
    tell(found, "get", empty ? Result<void>() : outcome(got), "content can be read", "GetObject");
    tell(found, "acl", outcome(store.get_acl(*key, kCall)), "ACLs can be read, so edits keep them",
         "GetObjectAcl");
    tell(found, "tags", outcome(store.get_tags(*key, kCall)), "tags can be read",
         "GetObjectTagging");
}

namespace {

// A copy of the object onto itself with a condition that is false: 412 where conditions count.
void check_conditions(Bucket& bucket, const ObjectKey& key, const FindingSink& found) {
    const auto head = bucket.store().head(key, kCall);
    if (!head) return;
    CopyRequest request{.source = key, .destination = key, .replace = head->info.attributes};
    request.source_bytes = head->info.size;
    tell(found, "copy", outcome(bucket.store().copy(request, kCall)),
         "metadata can be changed (copy in place)", "GetObject and PutObject");
    request.guard.source_unmodified_since = head->info.last_modified - std::chrono::hours(1);
    const auto guarded = bucket.store().copy(request, kCall);
    if (!guarded && guarded.error().kind == ErrorKind::precondition_failed) {
        found({Level::good, "conditions",
               "copy conditions are honoured: edits of several clients "
               "do not undo each other",
               ""});
    } else if (guarded) {
        found({Level::note, "conditions", "copy conditions are ignored by this service",
               "edits of two clients within one round trip can undo each other"});
    }
}

}  // namespace

void check_writing(Bucket& bucket, const FindingSink& found) {
    ObjectStore& store = bucket.store();
    const ObjectKey key(fmt::format(".xbucket-doctor-{}", hex_encode(random_bytes(6))));
    PutRequest put{.key = key};
    put.attributes.user["xbucket-doctor"] = "delete-me";
    const auto stored = store.put(put, kCall);
    tell(found, "put", outcome(stored), "objects can be written", "PutObject");
    if (!stored) return;
    check_conditions(bucket, key, found);
    const auto acl = store.get_acl(key, kCall);
    tell(found, "put-acl", store.put_acl(key, acl ? *acl : "private", kCall), "ACLs can be set",
         "PutObjectAcl");
    tell(found, "put-tags", store.put_tags(key, {{"xbucket", "doctor"}}, kCall), "tags can be set",
         "PutObjectTagging");
    tell(found, "delete", store.remove(key, {}, kCall), "objects can be deleted", "DeleteObject");
    if (const auto left = store.head(key, kCall)) {
        found({Level::note, "delete", fmt::format("{} is still there", key.str()),
               "delete it by hand"});
    }
}

}  // namespace xbucket::app
