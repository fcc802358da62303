// SPDX-FileCopyrightText: the xbucket authors
// One version of one object as the database keeps it. Dialect-neutral: OSS's names for classes and
// canned ACLs are the stored spelling, translated where a request or reply is S3's.
#pragma once

#include "request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::local {

// What a line of stored metadata is.
enum class AttributeKind : char {
    http = 'h',        // content-type, cache-control, ...: the six stored HTTP headers
    user = 'm',        // x-oss-meta-NAME / x-amz-meta-NAME
    persistent = 'p',  // OSS x-oss-persistent-headers
    system = 's',      // sse-algorithm, sse-key-id, sse-data-algorithm, website-redirect,
                       // lock-mode, lock-until, lock-hold, checksum-*, customer-key-md5
};

struct Attribute {
    AttributeKind kind;
    std::string name;  // lower case
    std::string value;
};

class Attributes {
  public:
    std::string_view get(AttributeKind kind, std::string_view name) const;
    bool has(AttributeKind kind, std::string_view name) const;
    // Replaces or adds; an empty `value` is kept as such.
    void set(AttributeKind kind, std::string_view name, std::string value);
    void remove(AttributeKind kind, std::string_view name);
    void remove_kind(AttributeKind kind);
    void take_kind_from(const Attributes& other, AttributeKind kind);
    const std::vector<Attribute>& list() const { return list_; }
    bool empty() const { return list_.empty(); }

    // One "kname:value" a line; values hold no line breaks (they were header values).
    std::string serialize() const;
    static Attributes parse(std::string_view text);

  private:
    std::vector<Attribute> list_;
};

enum class ObjectKind : int { normal = 0, multipart = 1, appendable = 2, symlink = 3 };
std::string_view type_name(ObjectKind kind);

// A stretch of a file. `blob` names a file of the blob store; for an imported plain file it is
// empty and `path` is relative to the bucket's folder, valid while the file's time is `mtime_ns`.
struct Segment {
    std::string blob;
    uint64_t offset = 0;
    uint64_t size = 0;
    std::string path;
    int64_t mtime_ns = 0;
    bool imported() const { return blob.empty(); }
};
std::string serialize_segments(const std::vector<Segment>& segments);
std::vector<Segment> parse_segments(std::string_view text);

struct ObjectRecord {
    std::string bucket;
    std::string key;
    int64_t seq = 0;         // order among versions; 0 where versioning was never on
    std::string version_id;  // "" = the null version
    bool delete_marker = false;
    uint64_t size = 0;
    std::string etag;   // lower-case hex, without quotes
    int64_t mtime = 0;  // seconds: the services' resolution
    ObjectKind kind = ObjectKind::normal;
    std::string storage_class;  // OSS spelling; "Standard" is ""
    std::string acl;            // "" = default
    std::optional<uint64_t> crc64;
    std::string tags;  // url-encoded "a=1&b=2", "" = none
    Attributes attributes;
    int64_t restore_ready = 0;  // second at which the restored copy is there; 0 = never asked
    int64_t restore_until = 0;  // second at which it goes
    int restore_days = 0;
    std::string target;  // symlink: raw key
    std::vector<Segment> segments;

    bool has_md5_etag() const { return kind == ObjectKind::normal && etag.size() == 32; }
    bool imported() const { return !segments.empty() && segments.front().imported(); }
};

// Quoted, spelled as the dialect does (OSS upper case).
std::string quoted_etag(const ObjectRecord& record, Dialect dialect);
std::string quoted_etag(std::string_view etag, Dialect dialect);
// Whether `text` from a condition header (quotes optional, any case) names `etag`.
bool etag_matches(std::string_view text, std::string_view etag);

// "Standard" is stored as "". nullopt: not a class of any dialect.
std::optional<std::string> class_from_wire(std::string_view text);
std::string_view class_to_wire(std::string_view stored, Dialect dialect);
bool is_archived(std::string_view stored_class);
// Canned ACL of either dialect to the stored form; nullopt when unknown.
std::optional<std::string> acl_from_wire(std::string_view text);

}  // namespace xbucket::local
