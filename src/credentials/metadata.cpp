// SPDX-FileCopyrightText: the xbucket authors
// ECS's and EC2's metadata services, and addresses that hand over a key. Both services first give a
// session token by PUT (IMDSv2); where that is unknown, ECS is asked without one, as its SDK does,
// and EC2 too, unless the recipe forbids it.
#include "key_document.h"
#include "services.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/private_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

struct MetadataPaths {
    std::string_view token_path;
    std::string_view ttl_header;
    std::string_view token_header;
    std::string_view roles;
    std::string_view name;
};

MetadataPaths paths_of(Cloud cloud) {
    if (cloud == Cloud::aws) {
        return {"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds",
                "X-aws-ec2-metadata-token", "/latest/meta-data/iam/security-credentials/",
                "EC2's metadata service"};
    }
    return {"/latest/api/token", "X-aliyun-ecs-metadata-token-ttl-seconds",
            "X-aliyun-ecs-metadata-token", "/latest/meta-data/ram/security-credentials/",
            "ECS's metadata service"};
}

// It is one hop away or not there at all.
Timeouts short_timeouts() {
    Timeouts timeouts;
    timeouts.connect = std::chrono::seconds(1);
    timeouts.stall = std::chrono::seconds(2);
    timeouts.total = std::chrono::seconds(2);
    return timeouts;
}

HttpRequest metadata_request(HttpMethod method, const std::string& endpoint, std::string target) {
    HttpRequest request;
    request.method = method;
    request.origin = endpoint;
    request.target = std::move(target);
    request.timeouts = short_timeouts();
    request.body_bytes_max = 64U << 10;
    return request;
}

bool is_role_name(std::string_view name) {
    return !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("+=,.@_-").find(c) != std::string_view::npos;
    });
}

Error status_error(std::string_view name, int status) {
    // 5xx passes; nothing else does by itself.
    return fail(status >= 500 ? ErrorKind::server_error : ErrorKind::bad_credentials,
                fmt::format("{} answers {}", name, status));
}

// A session token; empty where the service knows of none.
Result<Secret> session_token(const MetadataPaths& paths, const std::string& endpoint, bool required,
                             Transport& transport) {
    HttpRequest request =
        metadata_request(HttpMethod::put, endpoint, std::string(paths.token_path));
    request.headers.set(paths.ttl_header, "21600");
    auto reply = transport.send(std::move(request));
    if (!reply) {
        const ErrorKind kind = reply.error().kind;
        const bool silent = kind == ErrorKind::network || kind == ErrorKind::timed_out;
        return fail(silent ? ErrorKind::not_found : kind,
                    fmt::format("{} does not answer: {}", paths.name, reply.error().message));
    }
    const std::string_view token = trim_ows(reply->body);
    if (reply->status == 200 && !token.empty() && is_safe_header_value(token)) return Secret(token);
    if (reply->status >= 500 || required) return status_error(paths.name, reply->status);
    return Secret();
}

}  // namespace

Result<Credentials> ask_metadata(const Recipe& recipe, const std::string& endpoint,
                                 Transport& transport) {
    const MetadataPaths paths = paths_of(recipe.cloud);
    const Secret token = TRY(session_token(paths, endpoint, recipe.token_required, transport));
    const auto get = [&](std::string target) {
        HttpRequest request = metadata_request(HttpMethod::get, endpoint, std::move(target));
        if (!token.empty()) request.headers.set(paths.token_header, token.reveal());
        return transport.send(std::move(request));
    };
    std::string role = recipe.role;
    if (role.empty()) {
        auto reply = TRY(get(std::string(paths.roles)));
        if (reply.status == 404) {
            return fail(
                ErrorKind::not_found,
                fmt::format("{} says that no role is attached to this machine", paths.name));
        }
        if (reply.status == 403) {
            return fail(
                ErrorKind::not_found,
                fmt::format("{} is turned off for this machine: it answers 403", paths.name));
        }
        if (reply.status != 200) return status_error(paths.name, reply.status);
        role = reply.body.substr(0, reply.body.find('\n'));
        if (role.ends_with('\r')) role.pop_back();
    }
    if (!is_role_name(role)) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("{} names no role that could be one", paths.name));
    }
    auto reply = TRY(get(fmt::format("{}{}", paths.roles, percent_encode(role))));
    if (reply.status == 404) {
        return fail(ErrorKind::not_found,
                    fmt::format("{} has no role '{}' for this machine", paths.name, role));
    }
    if (reply.status != 200) return status_error(paths.name, reply.status);
    Credentials key =
        TRY(parse_key_document(reply.body, fmt::format("the reply of {}", paths.name)));
    wipe(reply.body);
    key.identity = fmt::format("role {}", role);
    return key;
}

SplitUrl split_url(std::string_view url) {
    const size_t host = std::min(url.find("://"), url.size());
    const size_t path =
        std::min(url.find_first_of("/?", std::min(host + 3, url.size())), url.size());
    std::string target(url.substr(path, url.find('#', path) - path));
    if (!target.starts_with('/')) target.insert(target.begin(), '/');
    return {std::string(url.substr(0, path)), std::move(target)};
}

Result<Credentials> ask_uri(const Recipe& recipe, Transport& direct, Transport& transport) {
    HttpRequest request;
    SplitUrl url = split_url(recipe.uri);
    const bool plain = url.origin.starts_with("http://");
    request.origin = std::move(url.origin);
    request.target = std::move(url.target);
    request.timeouts.connect = std::chrono::seconds(5);
    request.timeouts.total = std::chrono::seconds(10);
    request.body_bytes_max = 64U << 10;
    Secret authorization = recipe.authorization;
    if (!recipe.authorization_file.empty()) {
        authorization = TRY(read_token_file(recipe.authorization_file));
    }
    if (!authorization.empty()) {
        if (!is_safe_header_value(authorization.reveal())) {
            return fail(ErrorKind::bad_credentials,
                        fmt::format("{}: the authorization token holds line breaks or control "
                                    "characters",
                                    recipe.source));
        }
        request.headers.set("Authorization", authorization.reveal());
    }
    // Plain http is allowed on this machine and its link alone: no proxy's business.
    auto reply = TRY((plain ? direct : transport).send(std::move(request)));
    if (reply.status != 200) return status_error(recipe.source, reply.status);
    Credentials key =
        TRY(parse_key_document(reply.body, fmt::format("the reply of {}", recipe.source)));
    wipe(reply.body);
    return key;
}

}  // namespace xbucket
