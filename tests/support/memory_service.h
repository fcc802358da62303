// SPDX-FileCopyrightText: the xbucket authors
// How an in-memory service behaves. StoreTraits is what a store says about its service;
// MemoryService is what the service really does, also where the two differ (Ceph). Presets stand
// for the services in protocol.md and servers.md; a test changes single flags for what it is about.
#pragma once

#include "xbucket/store/object_types.h"

#include <string>

namespace xbucket::testing {

struct MemoryService {
    StoreTraits traits;

    // Conditions (protocol.md 3.4; servers.md for Ceph, which ignores those on copies).
    bool copy_conditions = true;
    enum class DestinationConditions {
        honoured,  // AWS
        ignored,   // Ceph, on copies
        refused,   // OSS: 400 NotImplemented
    };
    DestinationConditions copy_destination = DestinationConditions::honoured;
    DestinationConditions put_if_match = DestinationConditions::honoured;
    // Create-only writes: If-None-Match:* or x-oss-forbid-overwrite.
    bool put_must_not_exist = true;
    bool copy_must_not_exist = true;
    // x-oss-forbid-overwrite means nothing in a versioned bucket.
    bool must_not_exist_ignored_when_versioned = false;
    // A true if-match overrules a false if-unmodified-since (AWS).
    bool if_match_overrules_time = false;
    // Compares Last-Modified finer than the whole seconds that it tells.
    bool compares_subseconds = false;

    // In-place copies (protocol.md 3.2, 3.7).
    bool self_copy_without_replace_wipes = false;  // OSS without versioning; else 400
    bool tags_kept_by_replace = true;
    bool tags_ride_along_copies = true;   // and starts of uploads; Ceph takes them on PUT only
    bool copy_makes_single_part = false;  // a multipart object's ETag changes with a copy (AWS)
    bool archived_copy_refused = true;
    std::string default_encryption;  // of copies that name none; they get an ETag of their own

    // Locks of versions (protocol.md 3.7).
    bool locks_hidden = false;     // HEAD leaves them out
    bool locks_readable = true;    // by requests of their own
    bool bucket_locks = true;      // else nothing can be locked, and the store knows
    bool locks_ride_along = true;  // with copies and uploads that have them

    // Metadata.
    std::string metadata_prefix = "x-oss-meta-";
    std::string name_alphabet;  // names with other characters are refused
    bool underscore_becomes_hyphen = false;
    unsigned entries_max_silent = 0;  // more entries: 200, and none is stored; 0 = no such limit
    size_t name_bytes_max = 0;        // longer: 500; 0 = no limit
    // What the service itself refuses beyond (traits.metadata_bytes_max is what a store heeds).
    uint64_t metadata_bytes_enforced = 0;
    bool latin1_metadata = false;  // raw bytes read as Latin-1, given back as RFC 2047 (AWS)
    std::string default_content_type;

    // Objects.
    bool etag_upper_case = false;
    bool crc64 = false;
    bool type_told = false;           // x-oss-object-type, also in listings
    bool default_class_told = false;  // S3 leaves STANDARD out of HEAD
    bool multipart_dated_by_start = false;
    bool leading_slash_refused = false;
    bool list_over_max_refused = false;  // else keys_max is clamped to the service's limit
    bool tag_count_told = true;
    bool zero_tags_told = false;  // where there are none, zero is said

    std::string versioning;  // "", "Enabled", "Suspended"
    Duration restore_takes = std::chrono::hours(1);
    Duration clock_offset{0};  // the service's clock against the test's

    static MemoryService oss();
    static MemoryService s3();
    static MemoryService ceph();
};

}  // namespace xbucket::testing
