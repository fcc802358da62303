// SPDX-FileCopyrightText: the xbucket authors
#include "address.h"

#include "xbucket/base/encoding.h"

#include <algorithm>

namespace xbucket::local {

namespace {

std::string host_name(const Request& request) {
    std::string_view host = request.header("host");
    if (!host.empty() && host[0] == '[') return std::string(host.substr(0, host.find(']') + 1));
    return to_lower(host.substr(0, host.find(':')));
}

// True for hosts whose first label cannot be a bucket.
bool names_no_bucket(std::string_view host) {
    if (host.empty() || host[0] == '[' || host.find('.') == std::string_view::npos) return true;
    return std::all_of(host.begin(), host.end(),
                       [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

struct HostBucket {
    std::string bucket;    // "" = the host is the service
    bool certain = false;  // nothing but a bucket's host looks like that
    bool cloud = false;    // spelled as the services' own bucket hosts
};

HostBucket bucket_of_host(const std::string& host) {
    if (names_no_bucket(host)) return {};
    const std::string_view view = host;
    if (view.ends_with(".localhost")) {
        return {std::string(view.substr(0, view.size() - 10)), true, false};
    }
    const std::string first(view.substr(0, view.find('.')));
    if (view.ends_with(".aliyuncs.com")) {
        const bool service = std::count(view.begin(), view.end(), '.') < 3 || first == "s3";
        return service ? HostBucket{} : HostBucket{first, false, true};
    }
    if (view.ends_with(".amazonaws.com")) {
        if (first == "s3" || view.starts_with("s3-")) return {};
        const size_t s3 = std::min(view.find(".s3."), view.find(".s3-"));
        if (s3 == std::string_view::npos) return {};
        return {std::string(view.substr(0, s3)), true, true};
    }
    return {first, false, false};
}

Outcome<Address> path_address(std::string_view raw_path) {
    const std::string_view rest = raw_path.substr(1);
    const size_t slash = rest.find('/');
    auto bucket = percent_decode(rest.substr(0, slash));
    auto key = percent_decode(slash == std::string_view::npos ? std::string_view()
                                                              : rest.substr(slash + 1));
    if (!bucket || !key) return Refusal(400, "InvalidURI", "Couldn't parse the specified URI.");
    return Address{std::move(*bucket), std::move(*key), true};
}

}  // namespace

Dialect dialect_of(const Request& request) {
    const std::string_view authorization = request.header("authorization");
    if (authorization.starts_with("OSS4-") || authorization.starts_with("OSS ")) {
        return Dialect::oss;
    }
    if (authorization.starts_with("AWS4-") || authorization.starts_with("AWS ")) {
        return Dialect::s3;
    }
    for (const auto& [name, value] : request.query) {
        if (name == "x-oss-signature-version" || name == "OSSAccessKeyId") return Dialect::oss;
        if (name == "X-Amz-Algorithm" || name == "AWSAccessKeyId") return Dialect::s3;
    }
    for (const auto& header : request.headers) {
        const std::string_view name = header.name;
        if (name.size() > 6 && iequals(name.substr(0, 6), "x-amz-")) return Dialect::s3;
        if (name.size() > 6 && iequals(name.substr(0, 6), "x-oss-")) return Dialect::oss;
    }
    const std::string host = host_name(request);
    const bool s3_host = host.ends_with(".amazonaws.com") || host.starts_with("s3.") ||
                         host.find(".s3.") != std::string::npos;
    return s3_host ? Dialect::s3 : Dialect::oss;
}

Outcome<std::vector<Address>> addresses_of(const Request& request,
                                           const std::function<bool(const std::string&)>& exists) {
    Address by_path = ASK(path_address(request.raw_path));
    const HostBucket host = bucket_of_host(host_name(request));
    if (host.bucket.empty()) return std::vector<Address>{std::move(by_path)};

    auto key = percent_decode(std::string_view(request.raw_path).substr(1));
    if (!key) return Refusal(400, "InvalidURI", "Couldn't parse the specified URI.");
    Address by_host{host.bucket, std::move(*key), false};
    if (host.certain) return std::vector<Address>{std::move(by_host)};
    if (by_path.bucket == host.bucket) {
        return std::vector<Address>{std::move(by_path), std::move(by_host)};
    }
    const bool host_exists = exists(host.bucket);
    if (by_path.bucket.empty()) {
        const bool meant = host_exists || host.cloud || request.method == "PUT";
        return std::vector<Address>{meant ? std::move(by_host) : std::move(by_path)};
    }
    if (host_exists) return std::vector<Address>{std::move(by_host)};
    if (host.cloud && !exists(by_path.bucket)) return std::vector<Address>{std::move(by_host)};
    return std::vector<Address>{std::move(by_path)};
}

}  // namespace xbucket::local
