// SPDX-FileCopyrightText: the xbucket authors
// GET and HEAD of objects: conditions, ranges, symlinks, archived classes (protocol.md 2 and 6).
#include "customer_key.h"
#include "handlers.h"
#include "lookup.h"
#include "metadata.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace xbucket::local {

namespace {

struct ByteRange {
    uint64_t first = 0;
    uint64_t length = 0;
};
enum class RangeKind { whole, part, unsatisfiable };
struct RangeAnswer {
    RangeKind kind = RangeKind::whole;
    ByteRange range;
};

// One range only. OSS serves the whole object for a range that is not wholly inside, unless
// x-oss-range-behavior: standard (protocol.md 6); S3 is always standard.
RangeAnswer parse_range(const Request& request, uint64_t size) {
    std::string_view text = request.header("range");
    if (!text.starts_with("bytes=")) return {};
    text.remove_prefix(6);
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos || text.find(',') != std::string_view::npos) return {};
    const auto first = parse_u64(trim_ows(text.substr(0, dash)));
    const auto last = parse_u64(trim_ows(text.substr(dash + 1)));
    const bool first_given = !trim_ows(text.substr(0, dash)).empty();
    const bool last_given = !trim_ows(text.substr(dash + 1)).empty();
    if ((first_given && !first) || (last_given && !last) || (!first_given && !last_given))
        return {};
    const bool standard = !request.oss() || request.header("x-oss-range-behavior") == "standard";
    const RangeAnswer outside{standard ? RangeKind::unsatisfiable : RangeKind::whole, {}};
    if (!first_given) {  // the last N bytes
        if (*last == 0 || size == 0) return outside;
        if (*last > size && !standard) return {};
        const uint64_t take = std::min(*last, size);
        return {RangeKind::part, {size - take, take}};
    }
    if (last_given && *last < *first) return {};
    if (*first >= size) return outside;
    if (last_given && *last >= size && !standard) return {};
    const uint64_t end = last_given ? std::min(*last, size - 1) : size - 1;
    return {RangeKind::part, {*first, end - *first + 1}};
}

struct Opened {
    Found found;
    RangeAnswer answer;
    std::vector<OpenSlice> slices;
};

// The row and the bytes must belong together: a blob that is gone or a file that has changed since
// the row was read means that the object was replaced, so look again.
Outcome<Opened> find_and_open(Site& site, const Request& request) {
    for (int attempt = 0;; ++attempt) {
        const auto lease = ASK(site.db.reader());
        Opened opened;
        opened.found = ASK(find_object(site, *lease, request, Links::follow));
        const ObjectRecord& record = opened.found.record;
        ASK(check_customer_key(request, "", record.attributes));
        ASK(check_read_conditions(request, record));
        if (!request.is_head()) ASK(check_readable(request, record, site.now()));
        if (request.headers.has("range")) opened.answer = parse_range(request, record.size);
        if (request.is_head() || opened.answer.kind == RangeKind::unsatisfiable) return opened;
        const bool part = opened.answer.kind == RangeKind::part;
        auto slices = site.blobs.open_range(record.bucket, record.segments,
                                            part ? opened.answer.range.first : 0,
                                            part ? opened.answer.range.length : record.size);
        if (slices) {
            opened.slices = std::move(*slices);
            return opened;
        }
        const ErrorKind kind = slices.error().kind;
        const bool moved = kind == ErrorKind::not_found || kind == ErrorKind::stale;
        if (!moved || attempt == 8) return slices.error();
    }
}

}  // namespace

Outcome<Reply> get_object(Site& site, Call& call) {
    const Request& request = call.request;
    Opened opened = ASK(find_and_open(site, request));
    const ObjectRecord& record = opened.found.record;
    if (opened.answer.kind == RangeKind::unsatisfiable) {
        return Refusal(416, "InvalidRange", "The requested range cannot be satisfied.",
                       "0016-00000118")
            .header("Content-Range", fmt::format("bytes */{}", record.size))
            .detail("ActualObjectSize", fmt::to_string(record.size))
            .detail("RangeRequested", std::string(request.header("range")));
    }
    Reply reply(200);
    reply.head_length = record.size;
    if (opened.answer.kind == RangeKind::part) {
        const ByteRange r = opened.answer.range;
        reply.status = 206;
        reply.head_length = r.length;
        reply.add("Content-Range",
                  fmt::format("bytes {}-{}/{}", r.first, r.first + r.length - 1, record.size));
    }
    add_object_headers(reply, request, opened.found.bucket, record,
                       opened.found.link ? &*opened.found.link : nullptr, site.now());
    reply.slices = std::move(opened.slices);
    return reply;
}

// No user metadata, no Content-Type; a symlink is described itself (protocol.md 2.3).
Outcome<Reply> get_object_meta(Site& site, Call& call) {
    const auto lease = ASK(site.db.reader());
    const Found found = ASK(find_object(site, *lease, call.request, Links::keep));
    const ObjectRecord& record = found.record;
    Reply reply(200);
    reply.head_length = record.size;
    reply.add("ETag", quoted_etag(record, call.request.dialect));
    reply.add("Last-Modified", format_http_date(WallTime::from_seconds(record.mtime)));
    if (record.crc64) reply.add("x-oss-hash-crc64ecma", fmt::to_string(*record.crc64));
    const std::string version = version_id_on_wire(found.bucket, record);
    if (!version.empty()) reply.add("x-oss-version-id", version);
    return reply;
}

}  // namespace xbucket::local
