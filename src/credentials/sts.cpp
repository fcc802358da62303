// SPDX-FileCopyrightText: the xbucket authors
// Security token services (protocol.md 9). Alibaba: an RPC request, signed by HMAC-SHA1 over its
// form. AWS: the same form under SigV4. OIDC and web identity requests carry their proof in the
// form and are not signed.
#include "json.h"
#include "key_document.h"
#include "services.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/private_file.h"
#include "xbucket/store/signing.h"
#include "xbucket/store/xml.h"

#include <fmt/format.h>

#include <map>

namespace xbucket {
namespace {

using Form = std::map<std::string, std::string>;  // sorted, as Alibaba's signature wants it

constexpr std::chrono::seconds kSessionDefault = std::chrono::hours(1);
constexpr std::string_view kAwsGlobalRegion = "us-east-1";

std::string encode(const Form& form) {
    std::string out;
    for (const auto& [name, value] : form) {
        if (!out.empty()) out += '&';
        out += percent_encode(name);
        out += '=';
        out += percent_encode(value);
    }
    return out;
}

std::string own_endpoint(const Recipe& recipe) {
    if (recipe.cloud == Cloud::alibaba) {
        return recipe.sts_region.empty()
                   ? std::string("https://sts.aliyuncs.com")
                   : fmt::format("https://sts.{}.aliyuncs.com", recipe.sts_region);
    }
    if (recipe.sts_region.empty()) return "https://sts.amazonaws.com";
    return fmt::format("https://sts.{}.amazonaws.com{}", recipe.sts_region,
                       recipe.sts_region.starts_with("cn-") ? ".cn" : "");
}

Form session_form(const Recipe& recipe) {
    Form form{{"RoleArn", recipe.role}};
    form["RoleSessionName"] = recipe.session_name.empty() ? "xbucket" : recipe.session_name;
    const auto duration = recipe.duration.count() != 0 ? recipe.duration : kSessionDefault;
    form["DurationSeconds"] = fmt::to_string(duration.count());
    if (!recipe.policy.empty()) form["Policy"] = recipe.policy;
    if (!recipe.external_id.empty()) form["ExternalId"] = recipe.external_id;
    return form;
}

void complete_alibaba(const Recipe& recipe, const Credentials& base, const Secret& token,
                      WallTime now, std::string_view nonce, Form& form) {
    form["Version"] = "2015-04-01";
    form["Format"] = "JSON";
    std::string time = format_iso8601(WallTime::from_seconds(now.seconds()));
    if (const size_t dot = time.find('.'); dot != std::string::npos) time.replace(dot, 4, "");
    form["Timestamp"] = time;
    if (recipe.method == Recipe::Method::web_identity) {
        form["Action"] = "AssumeRoleWithOIDC";
        form["OIDCProviderArn"] = recipe.oidc_provider;
        form["OIDCToken"] = token.reveal();
        return;
    }
    form["Action"] = "AssumeRole";
    form["SignatureMethod"] = "HMAC-SHA1";
    form["SignatureVersion"] = "1.0";
    form["SignatureNonce"] = std::string(nonce);
    form["AccessKeyId"] = base.access_key_id;
    if (!base.session_token.empty()) form["SecurityToken"] = base.session_token.reveal();
    const std::string to_sign = fmt::format("POST&%2F&{}", percent_encode(encode(form)));
    std::string key;
    key.reserve(base.access_key_secret.reveal().size() + 1);
    key.append(base.access_key_secret.reveal()).append("&");
    form["Signature"] = base64_encode(hmac_sha1(key, to_sign));
    wipe(key);
}

void sign_aws(HttpRequest& request, const Recipe& recipe, const Credentials& base, WallTime now) {
    const std::string timestamp = format_basic_utc(now);
    request.headers.set("x-amz-date", timestamp);
    std::vector<std::string> names = {"content-type", "host", "x-amz-date"};
    if (!base.session_token.empty()) {
        request.headers.set("x-amz-security-token", base.session_token.reveal());
        names.emplace_back("x-amz-security-token");
    }
    const SigningScope scope{
        .date = timestamp.substr(0, 8),
        .region = recipe.sts_region.empty() ? std::string(kAwsGlobalRegion) : recipe.sts_region,
        .product = "sts"};
    SignedRequest to_sign;
    to_sign.method = "POST";
    to_sign.headers = request.headers;
    to_sign.encoded_path = request.target;
    const std::string signature =
        sigv4_signature(base.access_key_secret, scope, timestamp,
                        sigv4_canonical_request(to_sign, names, hex_encode(sha256(request.body))));
    request.headers.set(
        "Authorization",
        fmt::format("AWS4-HMAC-SHA256 Credential={}/{}/{}/sts/aws4_request, SignedHeaders={}, "
                    "Signature={}",
                    base.access_key_id, scope.date, scope.region, fmt::join(names, ";"),
                    signature));
}

Error bad_reply(std::string_view why) {
    return fail(ErrorKind::bad_reply, fmt::format("the reply of the token service {}", why));
}

Result<Credentials> parse_alibaba_reply(std::string_view body) {
    const SecretJson document = TRY(parse_json_object(body, "the reply of the token service"));
    const Json& object = *document;
    const auto found = object.find("Credentials");
    if (found == object.end() || !found->is_object()) return bad_reply("has no Credentials");
    std::string part = found->dump(-1, ' ', false, Json::error_handler_t::replace);
    auto parsed = parse_key_document(part, "the reply of the token service");
    wipe(part);
    Credentials key = TRY(std::move(parsed));
    const auto user = object.find("AssumedRoleUser");
    if (user != object.end() && user->is_object()) {
        key.identity = printable(text_member(*user, "Arn").value_or("").substr(0, 512));
    }
    return key;
}

Result<Credentials> parse_aws_reply(std::string_view body) {
    if (body.size() > kJsonBytesMax) return bad_reply("is too long");
    const XmlDocument document = TRY(XmlDocument::parse(body));
    const XmlNode root = document.root();
    XmlNode result = root.child("AssumeRoleResult");
    if (!result) result = root.child("AssumeRoleWithWebIdentityResult");
    const XmlNode part = result.child("Credentials");
    Credentials key;
    key.access_key_id = part.child("AccessKeyId").text();
    key.access_key_secret = Secret(part.child("SecretAccessKey").text());
    key.session_token = Secret(part.child("SessionToken").text());
    if (key.access_key_id.empty() || key.access_key_secret.empty() || key.session_token.empty()) {
        return bad_reply("lacks a key, its secret or its token");
    }
    key.expiration = parse_rfc3339(part.child("Expiration").text());
    if (!key.expiration) return bad_reply("has no time of expiration");
    TRY(check_key(key));
    key.identity = printable(result.child("AssumedRoleUser").child("Arn").text().substr(0, 512));
    return key;
}

}  // namespace

HttpRequest sts_request(const Recipe& recipe, const Credentials& base, const Secret& token,
                        const std::string& endpoint, WallTime now, std::string_view nonce) {
    HttpRequest request;
    request.method = HttpMethod::post;
    request.origin = !endpoint.empty()              ? endpoint
                     : !recipe.sts_endpoint.empty() ? recipe.sts_endpoint
                                                    : own_endpoint(recipe);
    while (request.origin.ends_with('/')) request.origin.pop_back();
    request.target = std::string(1, '/');
    request.headers.set("Host", request.origin.substr(request.origin.find("://") + 3));
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.timeouts.connect = std::chrono::seconds(5);
    request.timeouts.total = std::chrono::seconds(15);
    request.body_bytes_max = kJsonBytesMax;
    Form form = session_form(recipe);
    if (recipe.cloud == Cloud::alibaba) {
        request.headers.set("Accept", "application/json");
        complete_alibaba(recipe, base, token, now, nonce, form);
        request.body = encode(form);
        return request;
    }
    form["Version"] = "2011-06-15";
    const bool identity = recipe.method == Recipe::Method::web_identity;
    form["Action"] = identity ? "AssumeRoleWithWebIdentity" : "AssumeRole";
    if (identity) form["WebIdentityToken"] = token.reveal();
    request.body = encode(form);
    if (!identity) sign_aws(request, recipe, base, now);
    return request;
}

Result<Credentials> parse_sts_reply(Cloud cloud, std::string_view body) {
    return cloud == Cloud::alibaba ? parse_alibaba_reply(body) : parse_aws_reply(body);
}

namespace {

// AWS's has the code of every bad signature, and says in its text alone that it is about the time.
bool is_about_time(std::string_view code, std::string_view text) {
    return code == "InvalidTimeStamp.Expired" || code == "RequestExpired" ||
           code == "RequestTimeTooSkewed" ||
           (code == "SignatureDoesNotMatch" && (text.starts_with("Signature expired") ||
                                                text.starts_with("Signature not yet current")));
}

}  // namespace

Error sts_refusal(const HttpResponse& reply, std::string_view service) {
    std::string code;
    std::string text;
    std::string request_id;
    if (auto object = parse_json_object(reply.body, "it")) {
        code = first_text(**object, {"Code"});
        text = first_text(**object, {"Message"});
        request_id = first_text(**object, {"RequestId"});
    } else if (auto document = XmlDocument::parse(reply.body); document) {
        code = document->root().child("Error").child("Code").text();
        text = document->root().child("Error").child("Message").text();
        request_id = document->root().child("RequestId").text();
    }
    code = printable(code.substr(0, 100));
    ErrorKind kind = ErrorKind::bad_credentials;
    if (reply.status >= 500) kind = ErrorKind::server_error;
    if (reply.status == 429 || code.starts_with("Throttling")) kind = ErrorKind::throttled;
    if (code.starts_with("NoPermission") || code == "AccessDenied") kind = ErrorKind::access_denied;
    if (code.find("Expired") != std::string::npos) kind = ErrorKind::expired_credentials;
    const bool skewed = is_about_time(code, text);
    if (skewed) kind = ErrorKind::clock_skew;
    Error error = fail(
        kind, fmt::format("{} answers {}{}{}{}", service, reply.status, code.empty() ? "" : " ",
                          code, skewed ? ": this machine's clock is too far from its own" : ""));
    if (skewed) error.hint = reply.headers.value_or_empty("date");
    error.http_status = reply.status;
    error.code = code;
    error.request_id = printable(request_id.substr(0, 100));
    return error;
}

namespace {

// The time to sign with instead of `now`, where the service's own may be trusted for it: over plain
// HTTP anybody on the way could turn our clock.
std::optional<WallTime> time_of_service(const HttpResponse& refusal, std::string_view origin,
                                        WallTime now) {
    constexpr Duration kOffsetMax = std::chrono::hours(24);
    if (!origin.starts_with("https://")) return std::nullopt;
    const auto date = parse_http_date(trim_ows(refusal.headers.value_or_empty("date")));
    if (!date || *date - now > kOffsetMax || *date - now < -kOffsetMax) return std::nullopt;
    return date;
}

}  // namespace

Result<Credentials> ask_sts(const Recipe& recipe, const Credentials& base,
                            const std::string& endpoint, Transport& transport, Clock& clock) {
    Secret token;
    if (recipe.method == Recipe::Method::web_identity) {
        token = TRY(read_token_file(recipe.token_file));
    }
    std::string name;
    const auto ask = [&](WallTime now) {
        HttpRequest request =
            sts_request(recipe, base, token, endpoint, now, hex_encode(random_bytes(16)));
        name = request.origin;
        return transport.send(std::move(request));
    };
    const WallTime now = clock.wall_now();
    auto reply = TRY(ask(now));
    if (reply.status != 200 && sts_refusal(reply, name).kind == ErrorKind::clock_skew) {
        if (const auto theirs = time_of_service(reply, name, now)) reply = TRY(ask(*theirs));
    }
    if (reply.status != 200) return sts_refusal(reply, name);
    auto key = parse_sts_reply(recipe.cloud, reply.body);
    wipe(reply.body);
    if (!key) return std::move(key).error().with_context(name);
    if (key->identity.empty()) key->identity = recipe.role;
    return key;
}

}  // namespace xbucket
