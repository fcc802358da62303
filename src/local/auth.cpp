// SPDX-FileCopyrightText: the xbucket authors
#include "auth.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace xbucket::local {

namespace {

constexpr std::chrono::minutes kSkewMax{15};

// "Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request".
struct Credential {
    std::string_view id;
    SigningScope scope;
};

std::optional<Credential> parse_credential(std::string_view text, std::string_view terminator) {
    std::vector<std::string_view> parts;
    // From the right: a key id may hold '/'.
    for (int i = 0; i < 4; ++i) {
        const size_t slash = text.rfind('/');
        if (slash == std::string_view::npos) return std::nullopt;
        parts.push_back(text.substr(slash + 1));
        text = text.substr(0, slash);
    }
    if (parts[0] != terminator) return std::nullopt;
    return Credential{text, {std::string(parts[3]), std::string(parts[2]), std::string(parts[1])}};
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t at = text.find(separator);
        parts.emplace_back(text.substr(0, at));
        text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    }
    return parts;
}

// "Name=value, Name=value" of an Authorization header after its scheme.
std::string_view field(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const size_t comma = text.find(',');
        const std::string_view item = trim_ows(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=') {
            return item.substr(name.size() + 1);
        }
    }
    return {};
}

class Verifier {
  public:
    Verifier(const Request& request, const std::vector<Address>& readings, const AcceptedKey& key,
             WallTime now)
        : request_(request), readings_(readings), key_(key), now_(now) {}

    Outcome<Authenticated> run() {
        const std::string_view authorization = request_.header("authorization");
        if (authorization.starts_with("OSS4-HMAC-SHA256 ")) return oss_v4(authorization.substr(17));
        if (authorization.starts_with("OSS ")) return oss_v1(authorization.substr(4));
        if (authorization.starts_with("AWS4-HMAC-SHA256")) return sigv4(authorization.substr(16));
        if (!authorization.empty()) return unknown_scheme();
        if (request_.has_param("x-oss-signature-version")) return oss_v4_presigned();
        if (request_.has_param("OSSAccessKeyId")) return oss_v1_presigned();
        if (request_.has_param("X-Amz-Algorithm")) return sigv4_presigned();
        if (request_.has_param("AWSAccessKeyId")) return unknown_scheme();
        Authenticated anonymous;
        anonymous.address = readings_.front();
        return anonymous;
    }

  private:
    Refusal unknown_scheme() const {
        if (!request_.oss()) {
            return {400, "InvalidRequest",
                    "The authorization mechanism you have provided is not supported. Please use "
                    "AWS4-HMAC-SHA256."};
        }
        return {400, "InvalidArgument", "Authorization header is invalid.", "0002-00000205"};
    }
    Refusal malformed(std::string what) const {
        if (!request_.oss()) return {400, "AuthorizationHeaderMalformed", std::move(what)};
        return {400, "InvalidArgument", std::move(what), "0002-00000225"};
    }
    Refusal expired() const {
        return request_.oss()
                   ? Refusal(403, "AccessDenied", "Request has expired.", "0002-00000069")
                   : Refusal(403, "AccessDenied", "Request has expired");
    }
    Refusal mismatch(const std::string& string_to_sign, std::string_view provided) const {
        std::string bytes;
        for (const char c : string_to_sign) {
            fmt::format_to(std::back_inserter(bytes), "{}{:02X}", bytes.empty() ? "" : " ",
                           static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
        return Refusal(403, "SignatureDoesNotMatch",
                       "The request signature we calculated does not match the signature you "
                       "provided. Check your key and signing method.",
                       "0002-00000040")
            .detail(request_.oss() ? "OSSAccessKeyId" : "AWSAccessKeyId", key_.id)
            .detail("SignatureProvided", std::string(provided))
            .detail(request_.oss() ? "StringToSign" : "CanonicalRequest", string_to_sign)
            .detail("StringToSignBytes", bytes);
    }

    Outcome<void> check_id(std::string_view id) const {
        if (same_text(id, key_.id)) return {};
        return Refusal(403, "InvalidAccessKeyId",
                       request_.oss() ? "The OSS Access Key Id you provided does not exist in our "
                                        "records."
                                      : "The AWS Access Key Id you provided does not exist in our "
                                        "records.",
                       "0002-00000902")
            .detail(request_.oss() ? "OSSAccessKeyId" : "AWSAccessKeyId", std::string(id));
    }
    Outcome<void> check_token(std::string_view token) const {
        if (same_text(token, key_.token.reveal())) return check_expiry();
        if (!request_.oss()) {
            return Refusal(400, "InvalidToken",
                           "The provided token is malformed or otherwise invalid.");
        }
        return Refusal(403, "InvalidSecurityToken", "The security token you provided is invalid.",
                       "0002-00000006");
    }
    Outcome<void> check_expiry() const {
        if (!key_.expires || now_ < *key_.expires) return {};
        if (!request_.oss()) {
            return Refusal(400, "ExpiredToken", "The provided token has expired.");
        }
        return Refusal(403, "SecurityTokenExpired", "The security token you provided has expired.",
                       "0002-00000007");
    }
    Outcome<void> check_skew(WallTime t) const {
        if (t - now_ <= kSkewMax && now_ - t <= kSkewMax) return {};
        return Refusal(403, "RequestTimeTooSkewed",
                       "The difference between the request time and the current time is too large.",
                       "0002-00000504")
            .detail("RequestTime", format_iso8601(t))
            .detail("ServerTime", format_iso8601(now_))
            .detail("MaxAllowedSkewMilliseconds", "900000");
    }

    SignedRequest base(const Address& reading) const {
        SignedRequest r;
        r.method = request_.method;
        r.bucket = reading.bucket;
        r.key = reading.key;
        r.headers = request_.headers;
        return r;
    }
    SignedRequest without(SignedRequest r, std::string_view parameter) const {
        for (const auto& p : request_.query) {
            if (p.first != parameter) r.query.push_back(p);
        }
        return r;
    }

    Outcome<Authenticated> oss_v1_with(std::string_view date_line,
                                       std::string_view provided) const {
        std::string first;
        for (const auto& reading : readings_) {
            const std::string text =
                oss_v1_string_to_sign(without(base(reading), "Signature"), date_line);
            if (same_text(oss_v1_signature(key_.secret, text), provided)) {
                Authenticated ok;
                ok.address = reading;
                ok.anonymous = false;
                return ok;
            }
            if (first.empty()) first = text;
        }
        return mismatch(first, provided);
    }

    Outcome<Authenticated> oss_v1(std::string_view text) const {
        const size_t colon = text.rfind(':');
        if (colon == std::string_view::npos) {
            return Refusal(400, "InvalidArgument", "Authorization header is invalid.",
                           "0002-00000205");
        }
        ASK(check_id(trim_ows(text.substr(0, colon))));
        const auto oss_date = request_.headers.get("x-oss-date");
        const std::string_view date = oss_date.value_or(request_.header("date"));
        auto time = parse_http_date(date);
        if (!time) time = parse_basic_utc(date);
        if (!time) return access_denied_for_date();
        ASK(check_skew(*time));
        ASK(check_token(request_.header("x-oss-security-token")));
        return oss_v1_with(date, trim_ows(text.substr(colon + 1)));
    }
    static Refusal access_denied_for_date() {
        return {403, "AccessDenied",
                "OSS authentication requires a valid Date or x-oss-date header.", "0002-00000001"};
    }

    Outcome<Authenticated> oss_v1_presigned() const {
        const std::string* signature = request_.param("Signature");
        const std::string* expires = request_.param("Expires");
        if (signature == nullptr || expires == nullptr) {
            return Refusal(403, "AccessDenied",
                           "Query-string authentication requires the Signature, Expires and "
                           "OSSAccessKeyId parameters.",
                           "0002-00000061");
        }
        ASK(check_id(*request_.param("OSSAccessKeyId")));
        const auto at = parse_i64(*expires);
        if (!at) return access_denied_for_date();
        if (now_.seconds() > *at) return expired();
        const std::string* token = request_.param("security-token");
        ASK(check_token(token == nullptr ? std::string_view() : *token));
        auto ok = ASK(oss_v1_with(*expires, *signature));
        ok.presigned = true;
        return ok;
    }

    struct V4Input {
        Credential credential;
        std::string_view timestamp;
        std::vector<std::string> headers;
        std::string payload_hash;
        std::string_view provided;
        std::string_view signature_parameter;
    };

    Outcome<Authenticated> oss_v4_with(const V4Input& in) const {
        std::string first;
        for (const auto& reading : readings_) {
            const std::string canonical = oss_v4_canonical_request(
                without(base(reading), in.signature_parameter), in.headers, in.payload_hash);
            if (same_text(
                    oss_v4_signature(key_.secret, in.credential.scope, in.timestamp, canonical),
                    in.provided)) {
                Authenticated ok;
                ok.address = reading;
                ok.anonymous = false;
                if (in.payload_hash != "UNSIGNED-PAYLOAD") ok.payload_hash = in.payload_hash;
                return ok;
            }
            if (first.empty()) first = canonical;
        }
        return mismatch(first, in.provided);
    }

    Outcome<Authenticated> oss_v4(std::string_view text) const {
        const auto credential = parse_credential(field(text, "Credential"), "aliyun_v4_request");
        const std::string_view signature = field(text, "Signature");
        if (!credential || signature.empty()) {
            return malformed("Authorization is not Credential=...,Signature=....");
        }
        if (text.find("AdditionalHeaders=") != std::string_view::npos &&
            field(text, "AdditionalHeaders").empty()) {
            return Refusal(400, "InvalidArgument", "AdditionalHeaders is empty.", "0002-00000209");
        }
        ASK(check_id(credential->id));
        const std::string_view timestamp = request_.header("x-oss-date");
        const auto time = parse_basic_utc(timestamp);
        if (!time) return access_denied_for_date();
        ASK(check_skew(*time));
        if (timestamp.substr(0, 8) != credential->scope.date) {
            return malformed("The date of the credential differs from x-oss-date.");
        }
        const auto hash = request_.headers.get("x-oss-content-sha256");
        if (!hash) return malformed("x-oss-content-sha256 is missing; send UNSIGNED-PAYLOAD.");
        ASK(check_token(request_.header("x-oss-security-token")));
        return oss_v4_with({*credential, timestamp, split(field(text, "AdditionalHeaders"), ';'),
                            std::string(*hash), signature, "x-oss-signature"});
    }

    std::string_view param_or_empty(std::string_view name) const {
        const std::string* value = request_.param(name);
        return value == nullptr ? std::string_view() : std::string_view(*value);
    }

    // Of presigned V4 and SigV4 alike: the time must be parsed, the life in bounds and not over.
    Outcome<void> check_life(std::string_view timestamp, std::string_view seconds) const {
        const auto start = parse_basic_utc(timestamp);
        const auto life = parse_i64(seconds);
        if (!start || !life || *life < 1 || *life > 604800) {
            return malformed("The presigned URL's date or life (1 to 604800 s) is not valid.");
        }
        if (*start - now_ > kSkewMax) return check_skew(*start);
        if (now_ > *start + std::chrono::seconds(*life)) return expired();
        return {};
    }

    Outcome<Authenticated> oss_v4_presigned() const {
        const auto credential =
            parse_credential(param_or_empty("x-oss-credential"), "aliyun_v4_request");
        if (param_or_empty("x-oss-signature-version") != "OSS4-HMAC-SHA256" || !credential) {
            return malformed("The presigned URL's version or credential is not valid.");
        }
        ASK(check_id(credential->id));
        const std::string_view timestamp = param_or_empty("x-oss-date");
        ASK(check_life(timestamp, param_or_empty("x-oss-expires")));
        ASK(check_token(param_or_empty("x-oss-security-token")));
        auto ok = ASK(oss_v4_with(
            {*credential, timestamp, split(param_or_empty("x-oss-additional-headers"), ';'),
             "UNSIGNED-PAYLOAD", param_or_empty("x-oss-signature"), "x-oss-signature"}));
        ok.presigned = true;
        return ok;
    }

    // AWS signs the path in its own encoding; some clients leave sub-delimiters bare on the wire,
    // others sign what they send. Both are verified, the standard one first.
    Outcome<Authenticated> sigv4_with(const V4Input& in) const {
        SignedRequest r = without(base(readings_.front()), in.signature_parameter);
        const auto decoded = percent_decode(request_.raw_path);
        r.encoded_path = decoded ? percent_encode(*decoded, true) : request_.raw_path;
        std::string canonical = sigv4_canonical_request(r, in.headers, in.payload_hash);
        const auto matches = [&](const std::string& text) {
            return same_text(sigv4_signature(key_.secret, in.credential.scope, in.timestamp, text),
                             in.provided);
        };
        bool ok = matches(canonical);
        if (!ok && r.encoded_path != request_.raw_path) {
            r.encoded_path = request_.raw_path;
            ok = matches(sigv4_canonical_request(r, in.headers, in.payload_hash));
        }
        if (!ok) return mismatch(canonical, in.provided);
        Authenticated result;
        result.address = readings_.front();
        result.anonymous = false;
        result.payload_hash = in.payload_hash;
        result.seed = {std::string(in.timestamp), in.credential.scope, std::string(in.provided)};
        return result;
    }

    Outcome<void> check_signed_headers(const std::vector<std::string>& names) const {
        const auto is_signed = [&](std::string_view name) {
            return std::any_of(names.begin(), names.end(),
                               [&](const std::string& n) { return iequals(n, name); });
        };
        if (!is_signed("host")) {
            return Refusal(403, "AccessDenied", "The host header is not signed.");
        }
        for (const auto& header : request_.headers) {
            const std::string_view name = header.name;
            if (name.size() > 6 && iequals(name.substr(0, 6), "x-amz-") && !is_signed(name)) {
                return Refusal(403, "AccessDenied",
                               "There were headers present in the request which were not signed")
                    .detail("HeadersNotSigned", to_lower(name));
            }
        }
        return {};
    }

    Outcome<Authenticated> sigv4(std::string_view text) const {
        const auto credential = parse_credential(field(text, "Credential"), "aws4_request");
        const std::string_view signature = field(text, "Signature");
        const auto names = split(field(text, "SignedHeaders"), ';');
        if (!credential || signature.empty() || names.empty()) {
            return malformed(
                "The authorization header is malformed; it needs Credential, "
                "SignedHeaders and Signature.");
        }
        ASK(check_id(credential->id));
        const std::string_view timestamp = request_.header("x-amz-date");
        auto time = parse_basic_utc(timestamp);
        std::string from_date;
        if (!time) {
            time = parse_http_date(request_.header("date"));
            if (!time) {
                return Refusal(403, "AccessDenied",
                               "AWS authentication requires a valid Date or x-amz-date header");
            }
            from_date = format_basic_utc(*time);
        }
        ASK(check_skew(*time));
        const auto hash = request_.headers.get("x-amz-content-sha256");
        if (!hash) {
            return Refusal(400, "InvalidRequest",
                           "Missing required header for this request: x-amz-content-sha256");
        }
        ASK(check_signed_headers(names));
        ASK(check_token(request_.header("x-amz-security-token")));
        return sigv4_with({*credential, from_date.empty() ? timestamp : from_date, names,
                           std::string(*hash), signature, "X-Amz-Signature"});
    }

    Outcome<Authenticated> sigv4_presigned() const {
        const auto credential =
            parse_credential(param_or_empty("X-Amz-Credential"), "aws4_request");
        const auto names = split(param_or_empty("X-Amz-SignedHeaders"), ';');
        if (param_or_empty("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" || !credential ||
            names.empty()) {
            return Refusal(400, "AuthorizationQueryParametersError",
                           "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                           "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, "
                           "and X-Amz-Expires parameters.");
        }
        ASK(check_id(credential->id));
        const std::string_view timestamp = param_or_empty("X-Amz-Date");
        ASK(check_life(timestamp, param_or_empty("X-Amz-Expires")));
        ASK(check_token(param_or_empty("X-Amz-Security-Token")));
        const auto hash = request_.headers.get("x-amz-content-sha256");
        auto ok = ASK(sigv4_with({*credential, timestamp, names,
                                  std::string(hash.value_or("UNSIGNED-PAYLOAD")),
                                  param_or_empty("X-Amz-Signature"), "X-Amz-Signature"}));
        ok.presigned = true;
        return ok;
    }

    const Request& request_;
    const std::vector<Address>& readings_;
    const AcceptedKey& key_;
    const WallTime now_;
};

}  // namespace

bool same_text(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned differ = 0;
    for (size_t i = 0; i < a.size(); ++i) differ |= static_cast<unsigned char>(a[i] ^ b[i]);
    return differ == 0;
}

Outcome<Authenticated> authenticate(const Request& request, const std::vector<Address>& readings,
                                    const AcceptedKey& key, WallTime now) {
    return Verifier(request, readings, key, now).run();
}

}  // namespace xbucket::local
