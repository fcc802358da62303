// SPDX-FileCopyrightText: the xbucket authors
// Amazon S3 and the servers that speak its protocol: what differs from OSS (protocol.md 2.2, 3.7,
// 4.2, servers.md).
#include "dialect.h"
#include "grants.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace xbucket {
namespace {

StoreTraits s3_traits(const DialectConfig& config) {
    StoreTraits traits;
    traits.dialect = "s3";
    traits.copy_conditions_known = config.official || config.trusted_conditions;
    traits.destination_conditions = config.official || config.trusted_conditions;
    traits.both_time_conditions = false;
    traits.default_acl = "private";
    traits.default_storage_class = "STANDARD";
    traits.storage_class_listed = true;
    traits.class_restored_for_good = "INTELLIGENT_TIERING";
    traits.locks_kept = config.official || config.trusted_conditions;
    traits.hides_locks = true;
    traits.tagging = true;
    if (config.official || config.trusted_conditions) traits.tag_punctuation = "+-=._:/@";
    // Ceph's gateway turns '_' into '-', so '_' is not among them (servers.md).
    traits.raw_name_characters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    traits.metadata_bytes_max = 2048;
    traits.metadata_bytes_per_name = 0;
    traits.copy_bytes_max = 5ULL << 30;
    traits.part_bytes_min = 5 << 20;
    traits.crc64_kind = Crc64Kind::nvme;
    traits.key_bytes_max = 1024 - std::min<size_t>(config.key_prefix_bytes, 1023);
    return traits;
}

class S3Dialect final : public Dialect {
  public:
    explicit S3Dialect(DialectConfig config) : Dialect(config, s3_traits(config), "x-amz-") {}

    RequestParts versioning() const override {
        RequestParts parts = start("GET_VERSIONING", HttpMethod::get, ObjectKey());
        parts.query = {{"versioning", ""}};
        return parts;
    }

    Result<std::string> parse_versioning(const HttpResponse& response) const override {
        const XmlDocument document = TRY(parse_reply(response, "VersioningConfiguration"));
        return document.root().child("Status").text();
    }

    Result<std::string> parse_acl(const HttpResponse& response) const override {
        const XmlDocument document = TRY(parse_reply(response, "AccessControlPolicy"));
        const std::string owner = document.root().child("Owner").child("ID").text();
        std::vector<AclGrant> grants;
        for (const XmlNode& grant : document.root().child("AccessControlList").children("Grant")) {
            const XmlNode grantee = grant.child("Grantee");
            AclGrant read{grant.child("Permission").text(), grantee.child("URI").text(),
                          grantee.child("ID").text()};
            if (!read.group.empty()) read.user.clear();
            grants.push_back(std::move(read));
        }
        return acl_of_grants(grants, owner);
    }

    std::optional<KeptChecksum> parse_checksum(const Headers& headers) const override {
        for (const Checksum::Kind kind : kChecksumKinds) {
            if (own_value(headers, "checksum-" + std::string(to_string(kind))).empty()) continue;
            KeptChecksum kept;
            kept.kind = kind;
            // Of the bytes as a whole only CRCs can be had from parts.
            const bool of_parts = kind == Checksum::Kind::sha256 || kind == Checksum::Kind::sha1;
            const std::string said = own_value(headers, "checksum-type");
            const bool whole_asked = !of_parts && iequals(said, "FULL_OBJECT");
            if (!said.empty()) kept.form = whole_asked ? "FULL_OBJECT" : "COMPOSITE";
            const auto whole = read_checksum(headers);
            if (whole && whole_asked) kept.whole = whole->value;
            return kept;
        }
        return std::nullopt;
    }

  private:
    Result<void> add_encryption(Headers& headers, const ServerSideEncryption& sse) const override {
        TRY(add_safe_header(headers, "x-amz-server-side-encryption", sse.algorithm));
        if (!sse.key_id.empty()) {
            TRY(add_safe_header(headers, "x-amz-server-side-encryption-aws-kms-key-id",
                                sse.key_id));
        }
        if (sse.bucket_key) {
            headers.add("x-amz-server-side-encryption-bucket-key-enabled", "true");
        }
        return {};
    }

    Result<void> add_own_attributes(Headers& headers,
                                    const ObjectAttributes& attributes) const override {
        const auto add = [&headers](const char* name, const std::string& value) -> Result<void> {
            if (value.empty()) return {};
            return add_safe_header(headers, name, value);
        };
        TRY(add("x-amz-website-redirect-location", attributes.website_redirect));
        TRY(add("x-amz-object-lock-mode", attributes.lock.mode));
        TRY(add("x-amz-object-lock-retain-until-date", attributes.lock.retain_until));
        TRY(add("x-amz-object-lock-legal-hold", attributes.lock.legal_hold));
        return {};
    }

    void read_own_attributes(const Headers& headers, ObjectInfo& info) const override {
        ServerSideEncryption& sse = info.attributes.sse;
        sse.key_id = own_value(headers, "server-side-encryption-aws-kms-key-id");
        sse.bucket_key =
            iequals(own_value(headers, "server-side-encryption-bucket-key-enabled"), "true");
        info.attributes.website_redirect = own_value(headers, "website-redirect-location");
        info.attributes.lock.mode = own_value(headers, "object-lock-mode");
        info.attributes.lock.retain_until = own_value(headers, "object-lock-retain-until-date");
        info.attributes.lock.legal_hold = own_value(headers, "object-lock-legal-hold");
        info.checksum = read_checksum(headers);
        // S3 tells multipart objects only by the part count in their ETag.
        if (info.etag.str().find('-') != std::string::npos) info.type = ObjectType::multipart;
    }

    Result<std::optional<uint64_t>> parse_stored_crc64(const Headers& headers) const override {
        if (iequals(own_value(headers, "checksum-type"), "COMPOSITE")) {
            return std::optional<uint64_t>();
        }
        return read_crc64nvme(own_value(headers, "checksum-crc64nvme"));
    }

    Result<std::optional<uint64_t>> parse_completed_crc64(const Headers&,
                                                          const XmlNode& result) const override {
        if (result.child("ChecksumType").text() != "FULL_OBJECT") {
            return std::optional<uint64_t>();
        }
        return read_crc64nvme(result.child("ChecksumCRC64NVME").text());
    }

    // nullopt also for one that is made of the parts' checksums: nobody knows where those begin.
    std::optional<Checksum> read_checksum(const Headers& headers) const {
        static constexpr std::string_view kWord = "checksum-";
        const bool any =
            std::any_of(headers.begin(), headers.end(), [this](const HeaderView header) {
                const std::string_view name = header.name;
                return is_own(name) &&
                       iequals(name.substr(prefix_.size()).substr(0, kWord.size()), kWord);
            });
        if (!any) return std::nullopt;  // as in every reply that was not asked for one
        if (iequals(own_value(headers, "checksum-type"), "COMPOSITE")) return std::nullopt;
        for (const Checksum::Kind kind : kChecksumKinds) {
            std::string value = own_value(headers, "checksum-" + std::string(to_string(kind)));
            const bool of_parts = value.find('-') != std::string::npos;
            if (!value.empty() && !of_parts) return Checksum{kind, std::move(value)};
        }
        return std::nullopt;
    }

    // Elsewhere than at AWS the conditions go out in Ceph's spelling as well, which its gateway
    // honours where it ignores the standard one (servers.md).
    Result<void> add_condition(Headers& headers, std::string_view name,
                               std::string_view value) const {
        if (!config_.official) {
            TRY(add_safe_header(headers, "x-amz-copy-" + std::string(name), value));
        }
        return add_safe_header(headers, "x-amz-copy-source-" + std::string(name), value);
    }

    Result<void> add_copy_guard(Headers& headers, const CopyGuard& guard) const override {
        if (guard.source_if_match &&
            (guard.source_unmodified_since || guard.source_modified_since)) {
            // S3 would copy although the time condition is false (protocol.md 3.4).
            return fail(ErrorKind::invalid_argument,
                        "on S3 a copy is guarded by ETag or by time, not by both");
        }
        if (guard.source_unmodified_since) {
            TRY(add_condition(headers, "if-unmodified-since",
                              format_http_date(*guard.source_unmodified_since)));
        }
        if (guard.source_modified_since) {
            TRY(add_condition(headers, "if-modified-since",
                              format_http_date(*guard.source_modified_since)));
        }
        if (guard.source_if_match) {
            TRY(add_condition(headers, "if-match", quote_etag(*guard.source_if_match)));
        }
        if (guard.destination_if_match) TRY(add_if_match(headers, *guard.destination_if_match));
        return {};
    }

    Result<void> add_must_not_exist(Headers& headers) const override {
        headers.add("If-None-Match", "*");
        return {};
    }

    // Ceph compares the quotes too and would refuse every such upload (servers.md does not say it:
    // measured with radosgw 16.2), so it goes only where it is known to be understood.
    Result<void> add_if_match(Headers& headers, const ETag& etag) const override {
        if (!traits_.destination_conditions) return {};
        return add_safe_header(headers, "If-Match", quote_etag(etag));
    }

    void add_range_options(Headers&) const override {}
    void add_checksum_options(Headers& headers) const override {
        headers.add("x-amz-checksum-mode", "ENABLED");
    }
    std::string_view acl_header() const override { return "x-amz-acl"; }
    Result<void> add_acl(Headers& headers, const std::string& acl) const override {
        if (!is_grants(acl)) return Dialect::add_acl(headers, acl);
        for (const auto& [permission, grantees] : TRY(read_grants(acl))) {
            TRY(add_safe_header(headers, "x-amz-grant-" + permission, grantees));
        }
        return {};
    }
    std::string_view replace_word() const override { return "REPLACE"; }

    std::string restore_body(std::optional<unsigned> days, const std::string& tier) const override {
        std::string out = "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
        if (days) out += fmt::format("<Days>{}</Days>", *days);
        if (!tier.empty()) {
            out +=
                fmt::format("<GlacierJobParameters><Tier>{}</Tier></GlacierJobParameters>", tier);
        }
        return out + "</RestoreRequest>";
    }

    std::string decode_token(std::string token, bool) const override { return token; }
};

}  // namespace

std::unique_ptr<Dialect> make_s3_dialect(DialectConfig config) {
    return std::make_unique<S3Dialect>(std::move(config));
}

}  // namespace xbucket
