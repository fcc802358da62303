// SPDX-FileCopyrightText: the xbucket authors
// ListObjects V1 and V2 in both dialects (protocol.md 5).
#include "handlers.h"
#include "list_scan.h"
#include "lookup.h"
#include "xml_writer.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace xbucket::local {

namespace {

struct ListQuery {
    bool v2 = false;
    ListScan scan;
    std::string marker;       // V1
    std::string start_after;  // V2
    std::string token;        // V2, as the client gave it
    uint64_t max_keys = 1000;
    bool url = false;
    bool owner = false;
};

std::string param_text(const Request& request, std::string_view name) {
    const std::string* value = request.param(name);
    return value == nullptr ? std::string() : *value;
}

// Opaque to clients: base64 of the last entry in URL-safe letters.
std::string encode_token(std::string_view last) {
    std::string token = base64_encode(last);
    std::replace(token.begin(), token.end(), '+', '.');
    std::replace(token.begin(), token.end(), '/', '_');
    std::replace(token.begin(), token.end(), '=', '-');
    return token;
}

std::optional<std::string> decode_token(std::string token) {
    std::replace(token.begin(), token.end(), '.', '+');
    std::replace(token.begin(), token.end(), '_', '/');
    std::replace(token.begin(), token.end(), '-', '=');
    return base64_decode(token);
}

Outcome<uint64_t> parse_max_keys(const Request& request) {
    const std::string* text = request.param("max-keys");
    if (text == nullptr || text->empty()) return request.oss() ? 100U : 1000U;
    const auto value = parse_u64(*text);
    if (!value || (request.oss() && (*value > 1000 || *value == 0))) {
        return invalid_argument("max-keys must be between 1 and 1000.", "max-keys", *text);
    }
    return std::min<uint64_t>(*value, 1000);
}

Outcome<ListQuery> parse_query(const Request& request) {
    ListQuery q;
    const std::string type = param_text(request, "list-type");
    if (!type.empty() && type != "2") {
        return invalid_argument("list-type must be 2.", "list-type", type);
    }
    q.v2 = type == "2";
    q.scan.bucket = request.bucket;
    q.scan.prefix = param_text(request, "prefix");
    q.scan.delimiter = param_text(request, "delimiter");
    q.max_keys = ASK(parse_max_keys(request));
    q.scan.entries_max = q.max_keys;
    const std::string encoding = param_text(request, "encoding-type");
    if (!encoding.empty() && encoding != "url") {
        return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type",
                                encoding);
    }
    q.url = !encoding.empty();
    if (!q.v2) {
        q.marker = param_text(request, "marker");
        q.scan.after = q.marker;
        q.owner = true;
        return q;
    }
    q.owner = param_text(request, "fetch-owner") == "true";
    q.start_after = param_text(request, "start-after");
    q.scan.after = q.start_after;
    if (const std::string* token = request.param("continuation-token")) {
        q.token = *token;
        const auto last = decode_token(q.token);
        if (!last || last->empty()) {
            return invalid_argument("The continuation token provided is incorrect",
                                    "continuation-token", q.token);
        }
        q.scan.after = *last;
    }
    return q;
}

// The entries' XML, put together while the scan runs.
class Entries {
  public:
    Entries(const Request& request, const ListQuery& query, int64_t now)
        : request_(request), query_(query), now_(now) {}

    void object(const ListRow& row) {
        auto sink = std::back_inserter(objects_);
        objects_ += "<Contents><Key>";
        text(objects_, row.key);
        fmt::format_to(sink, "</Key><LastModified>{}</LastModified><ETag>&quot;", time(row.mtime));
        for (const char c : row.etag) {
            objects_ += request_.oss() && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        }
        objects_ += "&quot;</ETag>";
        if (request_.oss()) fmt::format_to(sink, "<Type>{}</Type>", type_name(row.kind));
        fmt::format_to(sink, "<Size>{}</Size><StorageClass>{}</StorageClass>", row.size,
                       class_to_wire(row.storage_class, request_.dialect));
        if (request_.oss() && row.restore_ready != 0 && now_ < row.restore_until) {
            objects_ += "<RestoreInfo>ongoing-request=&quot;";
            if (now_ < row.restore_ready) {
                objects_ += "true&quot;";
            } else {
                fmt::format_to(sink, "false&quot;, expiry-date=&quot;{}&quot;",
                               format_http_date(WallTime::from_seconds(row.restore_until)));
            }
            objects_ += "</RestoreInfo>";
        }
        if (query_.owner) {
            objects_ += "<Owner><ID>xbucket</ID><DisplayName>xbucket</DisplayName></Owner>";
        }
        objects_ += "</Contents>";
    }
    void common_prefix(std::string_view prefix) {
        prefixes_ += "<CommonPrefixes><Prefix>";
        text(prefixes_, prefix);
        prefixes_ += "</Prefix></CommonPrefixes>";
    }
    void text(std::string& out, std::string_view raw) const {
        if (query_.url) {
            out += percent_encode(raw);
        } else {
            XmlWriter::escape(out, raw);
        }
    }
    std::string text(std::string_view raw) const {
        return query_.url ? percent_encode(raw) : std::string(raw);
    }
    const std::string& objects() const { return objects_; }
    const std::string& prefixes() const { return prefixes_; }

  private:
    // Neighbours in a listing often share their second.
    const std::string& time(int64_t mtime) {
        if (time_text_.empty() || mtime != time_) {
            time_ = mtime;
            time_text_ = format_iso8601(WallTime::from_seconds(mtime));
        }
        return time_text_;
    }

    const Request& request_;
    const ListQuery& query_;
    const int64_t now_;
    std::string objects_;
    std::string prefixes_;
    int64_t time_ = 0;
    std::string time_text_;
};

}  // namespace

Outcome<Reply> list_objects(Site& site, Call& call) {
    const Request& request = call.request;
    const ListQuery q = ASK(parse_query(request));
    const auto lease = ASK(site.db.reader());
    ASK(find_bucket(site, *lease, request.bucket));
    Entries entries(request, q, site.now());
    const ListEnd end =
        ASK(scan_page(*lease, q.scan,
                      {[&](const ListRow& row) { entries.object(row); },
                       [&](std::string_view prefix) { entries.common_prefix(prefix); }}));

    XmlWriter xml("ListBucketResult", request.oss() ? "http://doc.oss-cn-hangzhou.aliyuncs.com"
                                                    : "http://s3.amazonaws.com/doc/2006-03-01/");
    xml.element("Name", request.bucket).element("Prefix", entries.text(q.scan.prefix));
    if (q.v2) {
        if (!q.start_after.empty()) xml.element("StartAfter", entries.text(q.start_after));
        if (!q.token.empty()) xml.element("ContinuationToken", q.token);
        if (end.truncated) xml.element("NextContinuationToken", encode_token(end.last));
        xml.number("KeyCount", end.entries);
    } else {
        xml.element("Marker", entries.text(q.marker));
        // S3 names the next marker only where a delimiter may have rolled keys up.
        if (end.truncated && (request.oss() || !q.scan.delimiter.empty())) {
            xml.element("NextMarker", entries.text(end.last));
        }
    }
    xml.number("MaxKeys", q.max_keys);
    if (!q.scan.delimiter.empty() || request.oss()) {
        xml.element("Delimiter", entries.text(q.scan.delimiter));
    }
    if (q.url) xml.element("EncodingType", "url");
    xml.boolean("IsTruncated", end.truncated);
    std::string body = xml.raw(entries.objects()).raw(entries.prefixes()).finish();
    Reply reply = Reply::xml(std::move(body));
    return reply;
}

}  // namespace xbucket::local
