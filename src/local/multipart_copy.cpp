// SPDX-FileCopyrightText: the xbucket authors
// UploadPartCopy: a range of another object becomes a part, by hard link where it lies in a blob.
#include "commit.h"
#include "copy_source.h"
#include "customer_key.h"
#include "handlers.h"
#include "metadata.h"
#include "upload_checksums.h"
#include "uploads.h"
#include "xml_writer.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace xbucket::local {

namespace {

struct Range {
    uint64_t first = 0;
    uint64_t length = 0;
};

// OSS copies the whole object for a range that it cannot read (protocol.md 6).
Outcome<Range> parse_source_range(const Request& request, uint64_t size) {
    const auto header = request.ext_if("copy-source-range");
    const Range whole{0, size};
    if (!header) return whole;
    const auto bad = [&]() -> Outcome<Range> {
        if (request.oss()) return whole;
        return invalid_argument(
            "The x-amz-copy-source-range value must be of the form "
            "bytes=first-last where first and last are the zero-based offsets "
            "of the first and last bytes to copy",
            "x-amz-copy-source-range", std::string(*header));
    };
    std::string_view text = *header;
    const size_t dash = text.find('-');
    if (!text.starts_with("bytes=") || dash == std::string_view::npos) return bad();
    const auto first = parse_u64(text.substr(6, dash - 6));
    const auto last = parse_u64(text.substr(dash + 1));
    if (!first || !last || *last < *first) return bad();
    if (*last >= size) {
        if (request.oss() && *first < size) return Range{*first, size - *first};
        return Refusal(
            request.oss() ? 416 : 400, request.oss() ? "InvalidRange" : "InvalidArgument",
            fmt::format("Range specified is not valid for source object of size: {}", size));
    }
    return Range{*first, *last - *first + 1};
}

struct Piece {
    Part part;
    std::vector<std::unique_ptr<Incoming>> blobs;
    std::optional<ChecksumKind> checksum_kind;
    std::string checksum;  // base64
};

// Published, not yet kept.
Result<Piece> take_range(Site& site, const ObjectRecord& source, const Range& range,
                         const std::optional<UploadChecksum>& wanted) {
    Piece piece;
    std::optional<RunningChecksum> checksum;
    if (wanted) {
        piece.checksum_kind = wanted->kind;
        checksum.emplace(wanted->kind);
    }
    uint64_t skip = range.first;
    uint64_t left = range.length;
    for (const auto& s : source.segments) {
        if (left == 0) break;
        if (skip >= s.size) {
            skip -= s.size;
            continue;
        }
        const uint64_t take = std::min(left, s.size - skip);
        if (s.imported()) {
            auto copy = TRY(site.blobs.create());
            TRY(site.blobs.read(source.bucket, {s}, skip, take,
                                [&](std::string_view bytes) { return copy->append(bytes); }));
            TRY(site.blobs.publish(*copy));
            piece.part.segments.push_back(copy->segment());
            piece.blobs.push_back(std::move(copy));
        } else {
            auto link = TRY(site.blobs.clone(source.bucket, s));
            piece.part.segments.push_back({link->id(), s.offset + skip, take, {}, 0});
            piece.blobs.push_back(std::move(link));
        }
        skip = 0;
        left -= take;
    }
    Hasher hasher(Hasher::Algorithm::md5);
    uint64_t crc = 0;
    TRY(site.blobs.read(source.bucket, piece.part.segments, 0, range.length,
                        [&](std::string_view bytes) -> Result<void> {
                            hasher.update(bytes);
                            crc = crc64(bytes, crc);
                            if (checksum) checksum->update(bytes);
                            return {};
                        }));
    if (checksum) piece.checksum = base64_encode(checksum->finish());
    piece.part.size = range.length;
    piece.part.etag = hex_encode(hasher.finish());
    piece.part.crc64 = crc;
    return piece;
}

}  // namespace

Outcome<Reply> upload_part_copy(Site& site, Call& call) {
    const Request& request = call.request;
    const CopySource wanted = ASK(parse_copy_source(request));
    const unsigned number = ASK(part_number_of(request));
    const std::string* id = request.param("uploadId");
    const auto find = [&](Connection& c) {
        return find_upload(c, id == nullptr ? "" : *id, request.bucket, request.key);
    };
    for (int attempt = 0; attempt < 8; ++attempt) {
        BucketState source_bucket;
        ObjectRecord source;
        std::optional<UploadChecksum> checksum;
        {
            const auto lease = ASK(site.db.reader());
            source_bucket = ASK(find_bucket(site, *lease, wanted.bucket));
            source =
                ASK(find_record(site, *lease, request, source_bucket, wanted.key, wanted.version));
            if (const auto upload = ASK(find(*lease)))
                checksum = upload_checksum(upload->metadata.attributes);
        }
        ASK(check_customer_key(request, "copy-source-", source.attributes));
        if (!call.misbehaviour.ignore_conditions) ASK(check_copy_conditions(request, source));
        ASK(check_readable(request, source, site.now()));
        const Range range = ASK(parse_source_range(request, source.size));
        auto piece = take_range(site, source, range, checksum);
        if (!piece) {
            const ErrorKind kind = piece.error().kind;
            if (kind == ErrorKind::not_found || kind == ErrorKind::stale) continue;
            return piece.error();
        }
        piece->part.number = number;
        piece->part.mtime = site.now();
        auto transaction = ASK(site.db.begin());
        ASK(find_bucket(site, **transaction, request.bucket));
        const auto upload = ASK(find(**transaction));
        if (!upload) {
            return Refusal(404, "NoSuchUpload", "The specified upload does not exist.",
                           "0042-00000002");
        }
        ASK(check_customer_key(request, "", upload->metadata.attributes));
        ASK(write_part(*transaction, upload->id, piece->part));
        ASK(transaction->commit());
        for (const auto& blob : piece->blobs) site.blobs.keep(*blob);
        XmlWriter xml("CopyPartResult",
                      request.oss() ? "" : "http://s3.amazonaws.com/doc/2006-03-01/");
        xml.element("LastModified", format_iso8601(WallTime::from_seconds(piece->part.mtime)));
        xml.element("ETag", quoted_etag(piece->part.etag, request.dialect));
        if (piece->checksum_kind) {
            xml.element(checksum_element(*piece->checksum_kind), piece->checksum);
        }
        Reply reply = Reply::xml(xml.finish());
        // OSS names the part's ETag in a header too; its SDK for JavaScript completes with that
        // one.
        if (request.oss()) reply.add("ETag", quoted_etag(piece->part.etag, request.dialect));
        const std::string version = version_id_on_wire(source_bucket, source);
        if (!version.empty()) {
            reply.add(std::string(request.prefix()) + "copy-source-version-id", version);
        }
        return reply;
    }
    return Refusal(503, "SlowDown", "The copy's source keeps changing; try again.");
}

}  // namespace xbucket::local
