// SPDX-FileCopyrightText: the xbucket authors
// ListObjectVersions (OSS: GetBucketVersions): all versions and delete markers, by key and then
// from the newest to the oldest.
#include "handlers.h"
#include "list_scan.h"
#include "lookup.h"
#include "versions.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <optional>

namespace xbucket::local {

namespace {

constexpr const char* kRows =
    "SELECT key, seq, version_id, marker, size, etag, mtime, kind, class, 1 FROM objects "
    "WHERE bucket=?1 AND key>=?2 UNION ALL "
    "SELECT key, seq, version_id, marker, size, etag, mtime, kind, class, 0 FROM versions "
    "WHERE bucket=?1 AND key>=?2 ORDER BY 1, 2 DESC";

struct VersionsQuery {
    std::string prefix;
    std::string delimiter;
    std::string key_marker;
    std::string version_marker;
    std::optional<int64_t> seq_marker;  // of that version, where it can be told
    uint64_t limit = 1000;
    bool url = false;
};

std::string param_text(const Request& request, std::string_view name) {
    const std::string* value = request.param(name);
    return value == nullptr ? std::string() : *value;
}

std::string on_wire(std::string_view version) {
    return std::string(version.empty() ? "null" : version);
}

class VersionsPage {
  public:
    VersionsPage(const Request& request, const VersionsQuery& q)
        : request_(request),
          q_(q),
          xml_("ListVersionsResult",
               request.oss() ? "" : "http://s3.amazonaws.com/doc/2006-03-01/") {
        xml_.element("Name", request.bucket).element("Prefix", shown(q.prefix));
        xml_.element("KeyMarker", shown(q.key_marker));
        xml_.element("VersionIdMarker", q.version_marker).number("MaxKeys", q.limit);
        xml_.element("Delimiter", shown(q.delimiter));
        if (q.url) xml_.element("EncodingType", "url");
    }

    // False when the page is full or past the prefix.
    bool take(const Query& row) {
        const std::string key = row.string_at(0);
        if (!key.starts_with(q_.prefix)) return key < q_.prefix;
        const std::string version = on_wire(row.bytes_at(2));
        const bool newest = key != previous_key_;
        previous_key_ = key;
        if (!behind_marker(key, row.int_at(1))) return true;
        const size_t at =
            q_.delimiter.empty() ? std::string::npos : key.find(q_.delimiter, q_.prefix.size());
        const std::string common =
            at == std::string::npos ? "" : key.substr(0, at + q_.delimiter.size());
        if (!common.empty() && (common == common_ || q_.key_marker.starts_with(common))) {
            return true;
        }
        if (entries_ == q_.limit) {
            truncated_ = true;
            return false;
        }
        ++entries_;
        last_key_ = common.empty() ? key : common;
        last_version_ = common.empty() ? version : "";
        if (common.empty()) {
            write_version(row, key, version, newest);
        } else {
            common_ = common;
            prefixes_.open("CommonPrefixes").element("Prefix", shown(common));
            prefixes_.close("CommonPrefixes");
        }
        return true;
    }

    std::string finish() {
        xml_.boolean("IsTruncated", truncated_);
        if (truncated_) {
            xml_.element("NextKeyMarker", shown(last_key_));
            xml_.element("NextVersionIdMarker", last_version_);
        }
        return xml_.raw(rows_.text()).raw(prefixes_.text()).finish();
    }

  private:
    std::string shown(const std::string& s) const { return q_.url ? percent_encode(s) : s; }

    // Rows up to and including the marker are those of earlier pages.
    bool behind_marker(const std::string& key, int64_t seq) const {
        if (key != q_.key_marker || q_.key_marker.empty()) return key > q_.key_marker;
        if (q_.version_marker.empty()) return false;
        // Rather all of the key again than some of it never.
        return !q_.seq_marker || seq < *q_.seq_marker;
    }

    void write_version(const Query& row, const std::string& key, const std::string& version,
                       bool newest) {
        const bool marker = row.int_at(3) != 0;
        const char* name = marker ? "DeleteMarker" : "Version";
        rows_.open(name).element("Key", shown(key)).element("VersionId", version);
        rows_.boolean("IsLatest", newest);
        rows_.element("LastModified", format_iso8601(WallTime::from_seconds(row.int_at(6))));
        if (!marker) {
            rows_.element("ETag", quoted_etag(row.bytes_at(5), request_.dialect));
            if (request_.oss()) {
                rows_.element("Type", type_name(static_cast<ObjectKind>(row.int_at(7))));
            }
            rows_.number("Size", static_cast<uint64_t>(row.int_at(4)));
            rows_.element("StorageClass", class_to_wire(row.bytes_at(8), request_.dialect));
        }
        rows_.open("Owner").element("ID", "xbucket").element("DisplayName", "xbucket");
        rows_.close("Owner").close(name);
    }

    const Request& request_;
    const VersionsQuery& q_;
    XmlWriter xml_;
    XmlWriter rows_;
    XmlWriter prefixes_;
    uint64_t entries_ = 0;
    bool truncated_ = false;
    std::optional<std::string> previous_key_;
    std::string common_;
    std::string last_key_;
    std::string last_version_;
};

// The version itself may have been deleted since the page that ended with it.
Outcome<std::optional<int64_t>> seq_of_marker(Connection& c, const Request& request,
                                              const VersionsQuery& q) {
    if (q.version_marker != on_wire("")) return seq_of_version(q.version_marker);
    const auto null_version = ASK(find_version(c, request.bucket, q.key_marker, q.version_marker));
    if (!null_version) return std::optional<int64_t>();
    return std::optional<int64_t>(null_version->seq);
}

}  // namespace

Outcome<Reply> list_versions(Site& site, Call& call) {
    const Request& request = call.request;
    VersionsQuery q;
    q.prefix = param_text(request, "prefix");
    q.delimiter = param_text(request, "delimiter");
    q.key_marker = param_text(request, "key-marker");
    q.version_marker = param_text(request, "version-id-marker");
    q.url = param_text(request, "encoding-type") == "url";
    const std::string max_keys = param_text(request, "max-keys");
    q.limit = request.oss() ? 100 : 1000;
    if (!max_keys.empty()) {
        const auto value = parse_u64(max_keys);
        if (!value || (request.oss() && *value > 1000)) {
            return invalid_argument("max-keys must be between 1 and 1000.", "max-keys", max_keys);
        }
        q.limit = std::min<uint64_t>(*value, 1000);
    }
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, request.bucket));
    q.seq_marker = ASK(seq_of_marker(*lease, request, q));
    const std::string from = std::max(q.prefix, q.key_marker);
    Query rows(*lease, kRows);
    rows.text(request.bucket).bytes(from);
    VersionsPage page(request, q);
    while (ASK(rows.step())) {
        if (!page.take(rows)) break;
    }
    return Reply::xml(page.finish());
}

}  // namespace xbucket::local
