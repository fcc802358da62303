// SPDX-FileCopyrightText: the xbucket authors
// The presets: OSS and AWS after protocol.md 3-7, Ceph radosgw 16 as measured in servers.md.
#include "support/memory_service.h"

namespace xbucket::testing {

namespace {
constexpr const char* kTokenCharacters = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
}  // namespace

MemoryService MemoryService::oss() {
    MemoryService service;
    StoreTraits& traits = service.traits;
    traits.dialect = "oss";
    traits.copy_conditions_known = true;
    traits.destination_conditions = false;
    traits.both_time_conditions = true;
    traits.default_acl = "default";
    traits.default_storage_class = "Standard";
    traits.storage_class_listed = true;
    traits.copy_keeps_restored = true;
    traits.native_symlinks = true;
    traits.appendable = true;
    traits.raw_name_characters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    traits.metadata_bytes_max = 8191;
    traits.tag_punctuation = "+-=._:/";
    traits.metadata_bytes_per_name = 11;  // "x-oss-meta-"
    service.metadata_bytes_enforced = 8191;
    traits.copy_bytes_max = 0;
    traits.part_bytes_min = 100 << 10;
    traits.key_bytes_max = 1023;

    service.copy_destination = DestinationConditions::refused;
    service.put_if_match = DestinationConditions::refused;
    service.must_not_exist_ignored_when_versioned = true;
    service.self_copy_without_replace_wipes = true;
    service.archived_copy_refused = false;
    service.name_alphabet = traits.raw_name_characters;
    service.default_content_type = "application/octet-stream";
    service.etag_upper_case = true;
    service.crc64 = true;
    service.type_told = true;
    service.default_class_told = true;
    service.leading_slash_refused = true;
    service.list_over_max_refused = true;
    return service;
}

MemoryService MemoryService::s3() {
    MemoryService service;
    StoreTraits& traits = service.traits;
    traits.dialect = "s3";
    traits.copy_conditions_known = true;
    traits.destination_conditions = true;
    traits.both_time_conditions = false;
    traits.default_acl = "private";
    traits.default_storage_class = "STANDARD";
    traits.storage_class_listed = true;
    traits.class_restored_for_good = "INTELLIGENT_TIERING";
    traits.locks_kept = true;
    traits.hides_locks = true;
    traits.raw_name_characters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    traits.metadata_bytes_max = 2048;
    traits.metadata_bytes_per_name = 0;
    service.metadata_bytes_enforced = 2048;
    traits.copy_bytes_max = 5ULL << 30;
    traits.part_bytes_min = 5 << 20;
    traits.key_bytes_max = 1024;

    service.if_match_overrules_time = true;
    service.copy_makes_single_part = true;
    service.metadata_prefix = "x-amz-meta-";
    service.name_alphabet = kTokenCharacters;
    service.latin1_metadata = true;
    service.default_content_type = "binary/octet-stream";
    service.multipart_dated_by_start = true;
    return service;
}

MemoryService MemoryService::ceph() {
    MemoryService service = s3();
    StoreTraits& traits = service.traits;
    traits.copy_conditions_known = false;
    traits.destination_conditions = false;
    traits.locks_kept = false;
    // A store heeds S3's 2 KB; the gateway itself gives out where its header buffer does.
    service.metadata_bytes_enforced = 15000;
    service.copy_conditions = false;
    service.copy_destination = DestinationConditions::ignored;
    service.copy_must_not_exist = false;
    service.if_match_overrules_time = false;
    service.tags_kept_by_replace = false;
    service.tags_ride_along_copies = false;
    // Compared with the quotes, so that it never holds: stores do not send it there.
    service.put_if_match = DestinationConditions::refused;
    service.copy_makes_single_part = false;
    service.underscore_becomes_hyphen = true;
    service.entries_max_silent = 90;
    service.name_bytes_max = 100;
    service.latin1_metadata = false;
    service.multipart_dated_by_start = false;
    service.tag_count_told = false;
    return service;
}

}  // namespace xbucket::testing
