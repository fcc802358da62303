// SPDX-FileCopyrightText: the xbucket authors
// Multipart uploads: metadata is given at the start, parts are checked at the end (protocol.md 6).
// A completed object is the list of its parts' blobs, so completing moves no byte.
#include "commit.h"
#include "customer_key.h"
#include "handlers.h"
#include "metadata.h"
#include "upload_checksums.h"
#include "uploads.h"
#include "xml_reader.h"
#include "xml_writer.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::local {

namespace {

constexpr const char* kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

std::string param_text(const Request& request, std::string_view name) {
    const std::string* value = request.param(name);
    return value == nullptr ? std::string() : *value;
}

Refusal no_such_upload(const Request& request) {
    return Refusal(404, "NoSuchUpload",
                   "The specified upload does not exist. The upload ID may be invalid, or the "
                   "upload may have been aborted or completed.",
                   "0042-00000002")
        .detail("UploadId", param_text(request, "uploadId"));
}

Outcome<Upload> upload_of(Connection& c, const Request& request) {
    auto upload = ASK(find_upload(c, param_text(request, "uploadId"), request.bucket, request.key));
    if (!upload) return no_such_upload(request);
    return std::move(*upload);
}

// "<ChecksumCRC32C>...</ChecksumCRC32C>"
std::map<ChecksumKind, std::string> checksums_in(const XmlElement& part) {
    constexpr std::string_view kPrefix = "Checksum";
    std::map<ChecksumKind, std::string> checksums;
    for (const auto& child : part.children()) {
        if (!child.name().starts_with(kPrefix)) continue;
        if (const auto kind = checksum_kind(child.name().substr(kPrefix.size()))) {
            checksums[*kind] = std::string(trim_ows(child.own_text()));
        }
    }
    return checksums;
}

Outcome<std::vector<WantedPart>> parse_parts(const Request& request, const std::string& body) {
    std::vector<WantedPart> wanted;
    const XmlDocument document = ASK(XmlDocument::parse(body, "CompleteMultipartUpload"));
    for (const auto& part : document.root().children("Part")) {
        const auto number = parse_u64(trim_ows(part.text("PartNumber")));
        if (!number || *number < 1 || *number > 10000) return malformed_xml();
        if (!wanted.empty() && *number <= wanted.back().number) {
            return Refusal(400, "InvalidPartOrder",
                           "The list of parts was not in ascending order. Parts must be ordered by "
                           "part number.");
        }
        wanted.push_back({static_cast<unsigned>(*number), part.text("ETag"), checksums_in(part)});
    }
    if (wanted.empty()) {
        return request.oss() ? invalid_argument("The list of parts is empty.") : malformed_xml();
    }
    return wanted;
}

uint64_t part_min(const Site& site, const Request& request) {
    if (site.config.part_bytes_min != 0) return site.config.part_bytes_min;
    return request.oss() ? 100U << 10 : 5U << 20;
}

// The parts that make the object, in order.
Outcome<std::vector<Part>> choose_parts(const Site& site, const Request& request,
                                        const std::vector<Part>& have,
                                        const std::vector<WantedPart>& wanted) {
    std::vector<Part> chosen;
    for (const auto& w : wanted) {
        const auto found = std::find_if(have.begin(), have.end(),
                                        [&](const Part& p) { return p.number == w.number; });
        if (found == have.end() || !etag_matches(w.etag, found->etag)) {
            return Refusal(400, "InvalidPart",
                           "One or more of the specified parts could not be found. The part might "
                           "not have been uploaded, or its ETag differs.",
                           "0042-00000023")
                .detail("PartNumber", fmt::to_string(w.number));
        }
        chosen.push_back(*found);
    }
    for (size_t i = 0; i + 1 < chosen.size(); ++i) {
        if (chosen[i].size >= part_min(site, request)) continue;
        return Refusal(400, "EntityTooSmall",
                       "Your proposed upload smaller than the minimum allowed size.",
                       "0042-00000032")
            .detail("ProposedSize", fmt::to_string(chosen[i].size))
            .detail("MinSizeAllowed", fmt::to_string(part_min(site, request)))
            .detail("PartNumber", fmt::to_string(chosen[i].number));
    }
    return chosen;
}

void assemble(const std::vector<Part>& parts, ObjectRecord& record) {
    std::string digests;
    uint64_t crc = 0;
    for (const auto& p : parts) {
        digests += hex_decode(p.etag).value_or("");
        crc = crc64_combine(crc, p.crc64, p.size);
        record.size += p.size;
        record.segments.insert(record.segments.end(), p.segments.begin(), p.segments.end());
    }
    record.crc64 = crc;
    record.etag = fmt::format("{}-{}", hex_encode(md5(digests)), parts.size());
    record.kind = ObjectKind::multipart;
}

// What is to be stored of the object's checksum; nothing where none was asked for. Reads every
// byte, which is why it is done before the transaction.
struct CheckedParts {
    std::vector<Part> parts;
    Attributes checksums;
};

Outcome<CheckedParts> check_parts(Site& site, const Request& request,
                                  const std::vector<WantedPart>& wanted) {
    CheckedParts checked;
    std::optional<UploadChecksum> checksum;
    {
        const auto lease = ASK(site.db.reader());
        const Upload upload = ASK(upload_of(*lease, request));
        checksum = upload_checksum(upload.metadata.attributes);
        if (!checksum) return checked;
        checked.parts = ASK(choose_parts(site, request, ASK(parts_of(*lease, upload.id)), wanted));
    }
    checked.checksums = ASK(checksum_of_parts(site, request, *checksum, checked.parts, wanted));
    return checked;
}

bool same_parts(const std::vector<Part>& a, const std::vector<Part>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Part& x, const Part& y) {
        return x.number == y.number && x.etag == y.etag;
    });
}

}  // namespace

Outcome<Reply> initiate_upload(Site& site, Call& call) {
    const Request& request = call.request;
    ASK(check_key(request, request.key));
    Upload upload;
    upload.bucket = request.bucket;
    upload.key = request.key;
    upload.initiated = site.now();
    upload.metadata = ASK(metadata_from(request, site.now()));
    if (!upload.metadata.attributes.has(AttributeKind::http, "content-type")) {
        upload.metadata.attributes.set(AttributeKind::http, "content-type",
                                       default_content_type(request.key, request.dialect));
    }
    ASK(take_upload_checksum(request, upload.metadata.attributes));
    upload.id = hex_encode(random_bytes(16));
    std::transform(upload.id.begin(), upload.id.end(), upload.id.begin(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
    auto transaction = ASK(site.db.begin());
    ASK(find_bucket(site, **transaction, request.bucket));
    ASK(write_upload(**transaction, upload));
    ASK(transaction->commit());
    XmlWriter xml("InitiateMultipartUploadResult", request.oss() ? "" : kS3Namespace);
    xml.element("Bucket", request.bucket);
    const bool url = param_text(request, "encoding-type") == "url";
    if (url) xml.element("EncodingType", "url");
    xml.element("Key", url ? percent_encode(request.key) : request.key);
    xml.element("UploadId", upload.id);
    Reply reply = Reply::xml(xml.finish());
    add_sse_headers(reply, request, upload.metadata.attributes);
    if (const auto checksum = upload_checksum(upload.metadata.attributes)) {
        reply.add("x-amz-checksum-algorithm", request.ext("checksum-algorithm"));
        reply.add("x-amz-checksum-type", checksum->whole ? "FULL_OBJECT" : "COMPOSITE");
    }
    return reply;
}

Outcome<Reply> upload_part(Site& site, Call& call) {
    const Request& request = call.request;
    const unsigned number = ASK(part_number_of(request));
    Incoming& file = *call.body.file;
    Part part{number,       file.size(), hex_encode(file.md5()),
              file.crc64(), site.now(),  {file.segment()}};
    ASK(site.blobs.publish(file));
    auto transaction = ASK(site.db.begin());
    ASK(find_bucket(site, **transaction, request.bucket));
    const Upload upload = ASK(upload_of(**transaction, request));
    ASK(check_customer_key(request, "", upload.metadata.attributes));
    ASK(write_part(*transaction, upload.id, part));
    ASK(transaction->commit());
    site.blobs.keep(file);
    Reply reply(200);
    reply.add("ETag", quoted_etag(part.etag, request.dialect));
    if (request.oss()) reply.add("x-oss-hash-crc64ecma", fmt::to_string(part.crc64));
    for (const auto& checksum : call.body.checksums.list()) {
        reply.add("x-amz-" + checksum.name, checksum.value);
    }
    return reply;
}

Outcome<Reply> complete_upload(Site& site, Call& call) {
    const Request& request = call.request;
    const bool all = request.oss() && iequals(request.header("x-oss-complete-all"), "yes");
    std::vector<WantedPart> wanted;
    if (!all) wanted = ASK(parse_parts(request, call.body.text));
    const CheckedParts checked =
        request.oss() ? CheckedParts() : ASK(check_parts(site, request, wanted));
    ObjectRecord record;
    record.bucket = request.bucket;
    record.key = request.key;
    BucketState bucket;
    const auto from_parts = [&](ObjectDb::Transaction& t, const BucketState&) -> Outcome<void> {
        Connection& c = *t;
        Upload upload = ASK(upload_of(c, request));
        const std::vector<Part> have = ASK(parts_of(c, upload.id));
        if (all) {
            for (const auto& p : have) wanted.push_back({p.number, p.etag});
            if (wanted.empty()) return invalid_argument("The upload has no parts.");
        }
        const std::vector<Part> chosen = ASK(choose_parts(site, request, have, wanted));
        if (upload_checksum(upload.metadata.attributes) && !same_parts(chosen, checked.parts)) {
            return Refusal(409, "OperationAborted",
                           "A part was replaced while the upload was being completed.");
        }
        forget_upload_checksum(upload.metadata.attributes);
        apply(std::move(upload.metadata), record);
        for (const auto& checksum : checked.checksums.list()) {
            record.attributes.set(checksum.kind, checksum.name, checksum.value);
        }
        assemble(chosen, record);
        // On S3 a multipart object is dated by its start (DESIGN.md 3.8).
        if (!request.oss()) record.mtime = upload.initiated;
        for (const auto& p : have) {
            const bool used = std::any_of(chosen.begin(), chosen.end(), [&](const Part& other) {
                return other.number == p.number;
            });
            if (!used) ASK(t.discard(p.segments));
        }
        ASK(erase_upload(c, upload.id));
        return {};
    };
    ASK(commit_object(site, call, record, {}, &bucket, from_parts));

    XmlWriter xml("CompleteMultipartUploadResult", request.oss() ? "" : kS3Namespace);
    const bool url = param_text(request, "encoding-type") == "url";
    if (url) xml.element("EncodingType", "url");
    xml.element("Location", fmt::format("http://{}{}", request.header("host"), request.raw_path));
    xml.element("Bucket", request.bucket);
    xml.element("Key", url ? percent_encode(request.key) : request.key);
    xml.element("ETag", quoted_etag(record, request.dialect));
    Reply reply = Reply::xml(xml.finish());
    if (request.oss()) {
        reply.add("ETag", quoted_etag(record, request.dialect));
        reply.add("x-oss-hash-crc64ecma", fmt::to_string(*record.crc64));
    }
    const std::string version = version_id_on_wire(bucket, record);
    if (!version.empty()) reply.add(std::string(request.prefix()) + "version-id", version);
    add_sse_headers(reply, request, record.attributes);
    return reply;
}

Outcome<Reply> abort_upload(Site& site, Call& call) {
    auto transaction = ASK(site.db.begin());
    Connection& c = **transaction;
    ASK(find_bucket(site, c, call.request.bucket));
    const Upload upload = ASK(upload_of(c, call.request));
    for (const auto& p : ASK(parts_of(c, upload.id))) ASK(transaction->discard(p.segments));
    ASK(erase_upload(c, upload.id));
    ASK(transaction->commit());
    return Reply(204);
}

Outcome<unsigned> part_number_of(const Request& request) {
    const std::string text = param_text(request, "partNumber");
    const auto number = parse_u64(text);
    if (!number || *number < 1 || *number > 10000) {
        return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                                "partNumber", text);
    }
    return static_cast<unsigned>(*number);
}

}  // namespace xbucket::local
