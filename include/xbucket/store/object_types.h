// SPDX-FileCopyrightText: the xbucket authors
// What an object is besides its bytes. ObjectAttributes is the *complete* writable metadata: all
// that a REPLACE copy or an upload must carry so that nothing is lost (DESIGN 3.1, protocol.md 3.2
// and 3.7). ObjectInfo is what HeadObject says: the attributes plus facts nobody can set.
// No header name with a dialect's prefix appears above the store layer.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/digest.h"
#include "xbucket/base/types.h"
#include "xbucket/http/message.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// The stored HTTP headers.
enum class HttpField {
    content_type,
    cache_control,
    content_disposition,
    content_encoding,
    content_language,
    expires,
};
inline constexpr size_t kHttpFieldCount = 6;
inline constexpr std::array<HttpField, kHttpFieldCount> kHttpFields = {
    HttpField::content_type,     HttpField::cache_control,    HttpField::content_disposition,
    HttpField::content_encoding, HttpField::content_language, HttpField::expires,
};
// "content-type", ...: the header's own lower-case name, the same in every dialect.
std::string_view to_string(HttpField field);

// User metadata: bare lower-case name (no x-oss-meta- / x-amz-meta-) to value bytes as on the wire.
using UserMetadata = std::map<std::string, std::string, std::less<>>;
using Tags = std::map<std::string, std::string, std::less<>>;

struct ServerSideEncryption {
    std::string algorithm;       // "AES256", "KMS", "SM4", "aws:kms", ...
    std::string key_id;          // KMS key, "" = default
    std::string data_algorithm;  // OSS x-oss-server-side-data-encryption
    bool bucket_key = false;     // S3
    bool customer_key = false;   // SSE-C: with a key that comes with each request
    bool empty() const { return algorithm.empty(); }
    friend bool operator==(const ServerSideEncryption&, const ServerSideEncryption&) = default;
};

struct ObjectLock {            // S3; OSS's ObjectWorm
    std::string mode;          // GOVERNANCE, COMPLIANCE
    std::string retain_until;  // as the service spells it
    std::string legal_hold;    // ON, OFF
    bool empty() const { return mode.empty() && retain_until.empty() && legal_hold.empty(); }
    friend bool operator==(const ObjectLock&, const ObjectLock&) = default;
};

struct ObjectAttributes {
    std::array<std::optional<std::string>, kHttpFieldCount> http;  // index: HttpField
    UserMetadata user;
    // As the service spells it; "" = not said (S3 leaves STANDARD out).
    std::string storage_class;
    ServerSideEncryption sse;
    // Canned name, or grants as ObjectStore::get_acl() says them: "default" and "" send nothing.
    std::string acl;
    // Set only where tags must be sent along (uploads, multipart copies, services that lose them).
    std::optional<Tags> tags;
    std::string website_redirect;  // S3
    ObjectLock lock;
    // OSS x-oss-persistent-headers: plain extra headers that come back on HEAD.
    std::map<std::string, std::string, std::less<>> persistent;

    std::optional<std::string>& operator[](HttpField f) { return http[static_cast<size_t>(f)]; }
    const std::optional<std::string>& operator[](HttpField f) const {
        return http[static_cast<size_t>(f)];
    }
    friend bool operator==(const ObjectAttributes&, const ObjectAttributes&) = default;
};

// S3's checksum of a whole object (x-amz-checksum-*).
struct Checksum {
    enum class Kind { crc32, crc32c, crc64nvme, sha1, sha256 };
    Kind kind = Kind::crc32;
    std::string value;  // base64, as on the wire
};
// The fastest to compute first.
inline constexpr std::array kChecksumKinds = {Checksum::Kind::crc64nvme, Checksum::Kind::crc32c,
                                              Checksum::Kind::crc32, Checksum::Kind::sha256,
                                              Checksum::Kind::sha1};
// "crc32", ...: as the header's name ends.
std::string_view to_string(Checksum::Kind kind);

// S3's crc64nvme: big-endian, in base64. nullopt for what is none.
std::optional<uint64_t> read_crc64nvme(std::string_view text);

enum class ObjectType { normal, multipart, appendable, symlink, unknown };
std::string_view to_string(ObjectType type);

struct ObjectInfo {
    ObjectAttributes attributes;  // acl and tags stay unset: they have requests of their own

    ETag etag;
    uint64_t size = 0;
    WallTime last_modified;  // whole seconds from HEAD; from a copy's reply cut to seconds
    WallTime date;           // the reply's Date header: the service's clock
    ObjectType type = ObjectType::normal;
    VersionId version_id;
    std::optional<uint64_t> crc64;
    std::optional<Checksum> checksum;  // S3, of GETs of the whole object
    std::string restore;               // raw x-oss-restore / x-amz-restore
    std::string expiration;
    std::string replication_status;
    std::optional<unsigned> tag_count;  // nullopt: not said (absent is not zero)
    unsigned missing_metadata = 0;      // x-amz-missing-meta: entries the service hides
    std::optional<uint64_t> next_append_position;
    std::string request_id;
};

// HeadObject with every header of the reply, for user.xbucket.headers.
struct HeadReply {
    ObjectInfo info;
    Headers headers;
};

// Whether a version-pinned or listed thing can be read now.
bool is_archived_class(std::string_view storage_class);

struct ListEntry {
    ObjectKey key;
    uint64_t size = 0;
    ETag etag;
    WallTime last_modified;                 // cut to whole seconds, as HEAD's
    ObjectType type = ObjectType::unknown;  // OSS says it, S3 does not
    std::string storage_class;
};

struct ListPage {
    std::vector<ListEntry> objects;
    std::vector<std::string> common_prefixes;  // raw bytes, ending in the delimiter
    std::string next_token;                    // "" = last page
    WallTime date;                             // the reply's Date header
    // When it was asked for; what this client changes later it need not show.
    TimePoint begun = TimePoint::never();
};

// One version of an object in a bucket that keeps them.
struct ObjectVersion {
    VersionId id;  // "null": made while the bucket kept none
    bool latest = false;
    bool delete_marker = false;  // it was deleted then: no content, no ETag
    uint64_t size = 0;
    ETag etag;
    WallTime last_modified;  // cut to whole seconds
    std::string storage_class;
};

struct VersionList {
    std::vector<ObjectVersion> versions;  // newest first
    bool more = false;                    // there are older ones than were asked for
};

// The CRC64 of that kind of all its bytes; nullopt where the service has not said it.
std::optional<uint64_t> whole_crc64(const ObjectInfo& info, Crc64Kind kind);

// What is true of a service, as far as it is known when the store is made. meta/ learns the rest.
struct StoreTraits {
    std::string dialect;  // "oss", "s3", "memory"
    // Copy conditions are known to be honoured (OSS, AWS, our own server): no probe needed.
    bool copy_conditions_known = false;
    // If-Match / If-None-Match:* on the destination of copy, put and delete are honoured.
    bool destination_conditions = false;
    // Both if-unmodified-since and if-modified-since may be sent on one copy (OSS: yes).
    bool both_time_conditions = false;
    // The default canned ACL ("default" on OSS, "private" on S3) which need not be resent.
    std::string default_acl;
    std::string default_storage_class;
    bool storage_class_listed = false;
    // A change of metadata in place leaves what was restored from an archive readable, where no
    // version is made of it (OSS). Elsewhere the copy is a new object, and archived.
    bool copy_keeps_restored = false;
    // Objects of this class come back from its archive tiers to stay: no days are said. "" = none.
    std::string class_restored_for_good;
    // Retention and legal hold that are sent along with a copy or an upload are known to be kept.
    bool locks_kept = false;
    // HEAD leaves them out for who may not read them.
    bool hides_locks = false;
    bool native_symlinks = false;
    bool appendable = false;
    bool tagging = true;
    // ASCII beside letters, digits and blanks that keys and values of tags may have (protocol.md
    // 4.5); "" = not known, the service judges.
    std::string tag_punctuation;
    // Characters that may stand in metadata names that we make; all others are escaped by meta.
    std::string raw_name_characters;
    // Limits in bytes.
    uint64_t metadata_bytes_max = 0;       // 8191 on OSS, 2048 on S3
    uint64_t metadata_bytes_per_name = 0;  // added for each name: prefix on OSS, 0 on S3
    uint64_t copy_bytes_max = 0;           // single copy; 0 = no limit known
    uint64_t put_bytes_max = 5ULL << 30;
    uint64_t part_bytes_min = 100 << 10;
    uint64_t part_bytes_max = 5ULL << 30;
    unsigned parts_max = 10000;
    uint64_t key_bytes_max = 1023;
    unsigned list_keys_max = 1000;
    unsigned tags_max = 10;
    // What PutReply::crc64 and UploadPart::crc64 are.
    Crc64Kind crc64_kind = Crc64Kind::xz;
};

}  // namespace xbucket
