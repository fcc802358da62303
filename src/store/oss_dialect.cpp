// SPDX-FileCopyrightText: the xbucket authors
// Alibaba Cloud OSS: what differs from S3 (protocol.md 2.1, 3, 4.1, 5, 6, 7).
#include "dialect.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xbucket {
namespace {

// Headers that are a reply's own, a proxy's or a CDN's (CNAME endpoints), sorted: whatever else has
// no x-oss- prefix came from x-oss-persistent-headers and must be resent.
constexpr auto kStandardHeaders = std::to_array<std::string_view>({
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-security-policy",
    "content-type",
    "date",
    "eagleid",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "nel",
    "pragma",
    "proxy-authenticate",
    "proxy-connection",
    "referrer-policy",
    "report-to",
    "retry-after",
    "server",
    "server-timing",
    "set-cookie",
    "strict-transport-security",
    "timing-allow-origin",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-cache",
    "x-cache-hits",
    "x-content-type-options",
    "x-frame-options",
    "x-powered-by",
    "x-request-id",
    "x-served-by",
    "x-timer",
    "x-xss-protection",
});
static_assert(std::is_sorted(kStandardHeaders.begin(), kStandardHeaders.end()));

constexpr auto kForeignPrefixes = std::to_array<std::string_view>(
    {"x-oss-", "x-amz-", "access-control-", "ali-swift-", "x-swift-", "cf-", "x-cdn-", "sec-"});

bool is_persistent(std::string_view name) {
    if (std::binary_search(kStandardHeaders.begin(), kStandardHeaders.end(), name)) return false;
    return std::none_of(kForeignPrefixes.begin(), kForeignPrefixes.end(),
                        [name](std::string_view prefix) { return name.starts_with(prefix); });
}

StoreTraits oss_traits(const DialectConfig& config) {
    StoreTraits traits;
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
    traits.tagging = true;
    traits.tag_punctuation = "+-=._:/";
    traits.raw_name_characters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    traits.metadata_bytes_max = 8191;
    traits.metadata_bytes_per_name = std::string_view("x-oss-meta-").size();
    // The limit has moved and depends on what changes (protocol.md 3.3): one copy is tried first.
    traits.copy_bytes_max = 0;
    traits.part_bytes_min = 100 << 10;
    traits.key_bytes_max = 1023 - std::min<size_t>(config.key_prefix_bytes, 1022);
    return traits;
}

class OssDialect final : public Dialect {
  public:
    explicit OssDialect(DialectConfig config) : Dialect(config, oss_traits(config), "x-oss-") {}

    Result<RequestParts> append(const ObjectKey& key, uint64_t position,
                                std::shared_ptr<BodySource> body) const override {
        RequestParts parts = start("APPEND", HttpMethod::post, key);
        parts.query = {{"append", ""}, {"position", fmt::to_string(position)}};
        add_customer_key(parts.headers, KeyOf::object);
        parts.body_source = std::move(body);
        return parts;
    }

    Result<RequestParts> put_symlink(const ObjectKey& key, const ObjectKey& target,
                                     const ObjectAttributes& attributes) const override {
        RequestParts parts = start("PUT_SYMLINK", HttpMethod::put, key);
        parts.query = {{"symlink", ""}};
        parts.headers.add("x-oss-symlink-target", percent_encode(target.str()));
        TRY(add_attributes(parts.headers, attributes, Purpose::upload));
        return parts;
    }

    Result<RequestParts> get_symlink(const ObjectKey& key) const override {
        RequestParts parts = start("GET_SYMLINK", HttpMethod::get, key);
        parts.query = {{"symlink", ""}};
        return parts;
    }

    Result<ObjectKey> parse_symlink(const HttpResponse& response) const override {
        const auto target = percent_decode(response.headers.value_or_empty("x-oss-symlink-target"));
        if (!target || target->empty()) {
            return fail(ErrorKind::bad_reply, "the reply names no valid target of the link");
        }
        return ObjectKey(*target);
    }

    RequestParts versioning() const override {
        RequestParts parts = start("GET_BUCKET_INFO", HttpMethod::get, ObjectKey());
        parts.query = {{"bucketInfo", ""}};
        return parts;
    }

    Result<std::string> parse_versioning(const HttpResponse& response) const override {
        const XmlDocument document = TRY(parse_reply(response, "BucketInfo"));
        const XmlNode bucket = document.root().child("Bucket");
        if (!bucket) return fail(ErrorKind::bad_reply, "the reply describes no bucket");
        return bucket.child("Versioning").text();
    }

    bool versions_void_must_not_exist() const override { return true; }

    Result<std::string> parse_acl(const HttpResponse& response) const override {
        const XmlDocument document = TRY(parse_reply(response, "AccessControlPolicy"));
        std::string grant = document.root().child("AccessControlList").child("Grant").text();
        if (grant.empty()) return fail(ErrorKind::bad_reply, "the reply has no grant");
        return grant;
    }

  private:
    Result<void> add_encryption(Headers& headers, const ServerSideEncryption& sse) const override {
        TRY(add_safe_header(headers, "x-oss-server-side-encryption", sse.algorithm));
        if (!sse.key_id.empty()) {
            TRY(add_safe_header(headers, "x-oss-server-side-encryption-key-id", sse.key_id));
        }
        if (!sse.data_algorithm.empty()) {
            TRY(add_safe_header(headers, "x-oss-server-side-data-encryption", sse.data_algorithm));
        }
        return {};
    }

    Result<void> add_own_attributes(Headers& headers,
                                    const ObjectAttributes& attributes) const override {
        std::string list;
        for (const auto& [name, value] : attributes.persistent) {
            if (!is_safe_header_name(name)) {
                return fail(ErrorKind::invalid_argument,
                            fmt::format("\"{}\" cannot be a header's name", printable(name)));
            }
            if (!list.empty()) list += ',';
            list.append(name).append(":").append(base64_encode(value));
        }
        if (!list.empty()) headers.add("x-oss-persistent-headers", list);
        const auto add = [&headers](const char* name, const std::string& value) -> Result<void> {
            if (value.empty()) return {};
            return add_safe_header(headers, name, value);
        };
        TRY(add("x-oss-object-worm-mode", attributes.lock.mode));
        TRY(add("x-oss-object-worm-retain-until-date", attributes.lock.retain_until));
        return add("x-oss-object-worm-legal-hold", attributes.lock.legal_hold);
    }

    void read_own_attributes(const Headers& headers, ObjectInfo& info) const override {
        ServerSideEncryption& sse = info.attributes.sse;
        sse.key_id = own_value(headers, "server-side-encryption-key-id");
        sse.data_algorithm = own_value(headers, "server-side-data-encryption");
        info.attributes.lock.mode = own_value(headers, "object-worm-mode");
        info.attributes.lock.retain_until = own_value(headers, "object-worm-retain-until-date");
        info.attributes.lock.legal_hold = own_value(headers, "object-worm-legal-hold");
        if (info.version_id.empty()) info.version_id = VersionId(own_value(headers, "versionId"));
        for (const HeaderView header : headers) {
            const std::string name = to_lower(header.name);
            if (is_persistent(name)) info.attributes.persistent.try_emplace(name, header.value);
        }
    }

    Result<void> add_copy_guard(Headers& headers, const CopyGuard& guard) const override {
        if (guard.source_unmodified_since) {
            headers.add("x-oss-copy-source-if-unmodified-since",
                        format_http_date(*guard.source_unmodified_since));
        }
        if (guard.source_modified_since) {
            headers.add("x-oss-copy-source-if-modified-since",
                        format_http_date(*guard.source_modified_since));
        }
        if (guard.source_if_match) {
            TRY(add_safe_header(headers, "x-oss-copy-source-if-match",
                                quote_etag(*guard.source_if_match)));
        }
        // destination_if_match: OSS has none and refuses unknown conditions (protocol.md 3.4).
        return {};
    }

    Result<void> add_must_not_exist(Headers& headers) const override {
        headers.add("x-oss-forbid-overwrite", "true");
        return {};
    }

    Result<void> add_if_match(Headers&, const ETag&) const override { return {}; }

    void add_range_options(Headers& headers) const override {
        headers.add("x-oss-range-behavior", "standard");
    }
    Result<std::optional<uint64_t>> parse_stored_crc64(const Headers& headers) const override {
        return parse_crc64(headers);
    }
    Result<std::optional<uint64_t>> parse_completed_crc64(const Headers& headers,
                                                          const XmlNode&) const override {
        return parse_stored_crc64(headers);
    }

    // OSS always says the CRC64.
    void add_checksum_options(Headers&) const override {}
    std::optional<KeptChecksum> parse_checksum(const Headers&) const override { return {}; }

    std::string_view acl_header() const override { return "x-oss-object-acl"; }
    std::string_view replace_word() const override { return "Replace"; }

    std::string restore_body(std::optional<unsigned> days, const std::string& tier) const override {
        std::string out = "<RestoreRequest>";
        if (days) out += fmt::format("<Days>{}</Days>", *days);
        if (!tier.empty()) {
            out += fmt::format("<JobParameters><Tier>{}</Tier></JobParameters>", tier);
        }
        return out + "</RestoreRequest>";
    }

    // OSS encodes the token as it does the keys; S3 does not (protocol.md 5).
    std::string decode_token(std::string token, bool url_encoded) const override {
        if (!url_encoded) return token;
        auto decoded = percent_decode(token, /*plus_is_space=*/true);
        return decoded ? std::move(*decoded) : token;
    }
};

}  // namespace

std::unique_ptr<Dialect> make_oss_dialect(DialectConfig config) {
    return std::make_unique<OssDialect>(std::move(config));
}

}  // namespace xbucket
