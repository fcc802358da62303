// SPDX-FileCopyrightText: the xbucket authors
#include "endpoint.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

constexpr std::string_view kOssDomain = ".aliyuncs.com";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

bool is_ip_address(std::string_view host) {
    if (host.starts_with('[')) return true;
    return !host.empty() &&
           std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool is_loopback(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
           (host.starts_with("127.") && is_ip_address(host));
}

bool is_amazon(std::string_view host) {
    return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

// "s3.eu-west-1" of "s3.eu-west-1.amazonaws.com".
std::string_view amazon_name(std::string_view host) {
    return host.substr(0, host.find(".amazonaws.com"));
}

// "eu-west-1", not "accelerate" or "external-1".
bool is_amazon_region(std::string_view text) {
    return text.size() > 4 && text[2] == '-' && is_digit(text.back()) &&
           text.find('.') == std::string_view::npos;
}

bool is_region(std::string_view text) {
    return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
        return is_lower_alnum(c) || c == '-';
    });
}

// What may stand in a URL as its host; in particular nothing that would end it.
bool is_host(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_lower_alnum(c) || c == '.' || c == '-' || c == '_' || c == '[' || c == ']' ||
               c == ':';
    });
}

std::string without_oss(std::string_view region) {
    return std::string(region.starts_with("oss-") ? region.substr(4) : region);
}

// Splits "https://host:port/" into its parts.
Result<void> parse_endpoint(std::string_view text, Address* address) {
    const std::string given(text);
    const auto malformed = [&given](std::string_view why) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("the endpoint \"{}\" {}: give it as https://HOST[:PORT]",
                                printable(given), why));
    };
    address->scheme = "https";
    if (const size_t at = text.find("://"); at != std::string_view::npos) {
        address->scheme = to_lower(text.substr(0, at));
        text.remove_prefix(at + 3);
    }
    if (address->scheme != "http" && address->scheme != "https") {
        return malformed("has an unknown scheme");
    }
    while (text.ends_with('/')) text.remove_suffix(1);
    const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos) return malformed("has an open bracket");
    if (const size_t colon = text.find(':', bracket); colon != std::string_view::npos) {
        const std::string_view port = text.substr(colon + 1);
        const auto number = parse_u64(port);
        if (!number || *number == 0 || *number > 65535) return malformed("has no valid port");
        const bool own = *number == (address->scheme == "https" ? 443U : 80U);
        address->port = own ? "" : fmt::format("{}", *number);
        text = text.substr(0, colon);
    }
    address->host = to_lower(text);
    if (!is_host(address->host)) return malformed("has no valid host name");
    return {};
}

// "" when the host does not tell.
std::string region_of_host(DialectKind dialect, std::string_view host) {
    if (host.ends_with(kOssDomain)) {
        std::string_view name = host.substr(0, host.size() - kOssDomain.size());
        if (name.starts_with("oss-accelerate")) return "";
        // cn-hangzhou.oss (dual stack); [s3.|vpc100-]oss-cn-hangzhou[-internal]
        if (name.ends_with(".oss")) return std::string(name.substr(0, name.size() - 4));
        const size_t oss = name.rfind("oss-");
        if (oss == std::string_view::npos) return "";
        name.remove_prefix(oss + 4);
        constexpr std::string_view kInternal = "-internal";
        if (name.ends_with(kInternal)) name.remove_suffix(kInternal.size());
        return is_region(name) ? std::string(name) : "";
    }
    if (dialect == DialectKind::s3 && is_amazon(host)) {
        std::string_view name = amazon_name(host);
        // Whatever the bucket's region is: an accelerated endpoint does not tell it.
        if (name == "s3" || name == "s3-external-1" || name.starts_with("s3-accelerate")) {
            return "us-east-1";
        }
        constexpr std::string_view kPrivateLink = ".vpce";
        if (name.ends_with(kPrivateLink)) name.remove_suffix(kPrivateLink.size());
        const size_t dot = name.rfind('.');
        if (dot != std::string_view::npos) return std::string(name.substr(dot + 1));
        if (name.starts_with("s3-fips-")) return std::string(name.substr(8));
        if (name.starts_with("s3-")) return std::string(name.substr(3));
    }
    return "";
}

// Whether the host is the service's usual one for a region, so that another region has another.
// Those that were chosen with care (PrivateLink, FIPS, acceleration, access points) are never left
// for a public one.
bool is_regional(DialectKind dialect, std::string_view host) {
    if (dialect == DialectKind::oss) {
        return host.ends_with(kOssDomain) && !host.starts_with("oss-accelerate") &&
               host.find(".privatelink.") == std::string_view::npos;
    }
    if (!is_amazon(host)) return false;
    std::string_view name = amazon_name(host);
    if (name == "s3") return true;
    constexpr std::string_view kDual = "s3.dualstack.";
    if (name.starts_with(kDual)) return is_amazon_region(name.substr(kDual.size()));
    if (!name.starts_with("s3.") && !name.starts_with("s3-")) return false;
    return is_amazon_region(name.substr(3));
}

std::string amazon_host(std::string_view current, const std::string& region) {
    const bool china = region.starts_with("cn-") || current.ends_with(".cn");
    const bool dual = current.find("dualstack") != std::string_view::npos;
    return fmt::format("s3.{}{}.amazonaws.com{}", dual ? "dualstack." : "", region,
                       china ? ".cn" : "");
}

std::string oss_host(std::string_view current, const std::string& region) {
    const bool internal = current.find("-internal.") != std::string_view::npos;
    return fmt::format("oss-{}{}.aliyuncs.com", region, internal ? "-internal" : "");
}

Result<void> check_bucket(const std::string& bucket, AddressingStyle style) {
    const bool in_host = style == AddressingStyle::virtual_host;
    const bool characters = std::all_of(bucket.begin(), bucket.end(), [in_host](char c) {
        return is_lower_alnum(c) || c == '-' || c == '.' ||
               (!in_host && ((c >= 'A' && c <= 'Z') || c == '_'));
    });
    const bool edges = !bucket.empty() && bucket.front() != '.' && bucket.front() != '-' &&
                       bucket.back() != '.' && bucket.back() != '-' &&
                       bucket.find("..") == std::string::npos;
    const size_t size_max = in_host ? 63 : 255;
    if (bucket.size() >= 3 && bucket.size() <= size_max && characters && edges) return {};
    return fail(ErrorKind::invalid_name,
                fmt::format("\"{}\" cannot be a bucket's name: 3 to 63 lower-case letters, digits, "
                            "'-' and '.'",
                            printable(bucket)));
}

AddressingStyle automatic_style(const Address& address) {
    if (!address.is_official()) return AddressingStyle::path;
    // A dot in the name breaks the service's wildcard certificate; OSS takes no dots at all.
    const bool dotted = address.bucket.find('.') != std::string::npos;
    if (address.dialect == DialectKind::s3 && dotted && address.scheme == "https") {
        return AddressingStyle::path;
    }
    return AddressingStyle::virtual_host;
}

Error no_region(const HttpStoreConfig& config) {
    const std::string why =
        config.endpoint.empty()
            ? std::string("neither region nor endpoint is known")
            : fmt::format("the endpoint {} does not tell the region, which signatures need",
                          printable(config.endpoint));
    return fail(ErrorKind::invalid_argument,
                why + ": give --region, for example --region cn-hangzhou");
}

}  // namespace

std::string Address::host_header() const {
    std::string out = style == AddressingStyle::virtual_host ? bucket + "." + host : host;
    if (!port.empty()) out.append(":").append(port);
    return out;
}

std::string Address::origin() const { return scheme + "://" + host_header(); }

std::string Address::encoded_path(const ObjectKey& key) const {
    std::string out = "/";
    if (style == AddressingStyle::path) out.append(percent_encode(bucket)).append("/");
    return out.append(percent_encode(key.str(), /*keep_slash=*/true));
}

bool Address::is_official() const { return host.ends_with(kOssDomain) || is_original(); }

bool Address::is_original() const {
    return dialect == DialectKind::oss ? host.ends_with(kOssDomain) : is_amazon(host);
}

bool Address::is_authenticated() const { return scheme == "https" || is_loopback(host); }

Result<Address> make_address(const HttpStoreConfig& config) {
    Address address;
    address.dialect = config.dialect;
    address.bucket = config.bucket;
    const bool oss = config.dialect == DialectKind::oss;
    const std::string region = oss ? without_oss(config.region) : config.region;
    if (!region.empty() && !is_region(region)) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("\"{}\" cannot be a region: give its bare id, for example {}",
                                printable(region), oss ? "cn-hangzhou" : "us-east-1"));
    }
    if (config.endpoint.empty()) {
        if (oss && region.empty()) return no_region(config);
        address.scheme = "https";
        address.region = region.empty() ? "us-east-1" : region;
        address.host = oss ? oss_host("", address.region) : amazon_host("", address.region);
    } else {
        TRY(parse_endpoint(config.endpoint, &address));
        // "https://bucket.oss-cn-hangzhou.aliyuncs.com" is what consoles show. The "bucket." of
        // Amazon's PrivateLink belongs to the endpoint, also for a bucket of that name.
        const size_t cut = config.bucket.size() + 1;
        if (address.is_official() && address.host.starts_with(config.bucket + ".") &&
            !std::string_view(address.host).substr(cut).starts_with("vpce-")) {
            address.host.erase(0, cut);
        }
        address.region = region.empty() ? region_of_host(config.dialect, address.host) : region;
        if (address.region.empty() && !oss) address.region = "us-east-1";
        if (address.region.empty() && config.signature != SignatureVersion::v1) {
            return no_region(config);
        }
    }
    address.style = config.addressing == AddressingStyle::automatic ? automatic_style(address)
                                                                    : config.addressing;
    TRY(check_bucket(config.bucket, address.style));
    return address;
}

Result<std::string> resolved_endpoint(const HttpStoreConfig& config) {
    const Address address = TRY(make_address(config));
    const std::string port = address.port.empty() ? "" : ":" + address.port;
    return fmt::format("{}://{}{}", address.scheme, address.host, port);
}

std::optional<Address> corrected_address(const Address& address, std::string_view hint) {
    const std::string name = to_lower(hint);
    if (name.empty() || address.style == AddressingStyle::cname) return std::nullopt;
    Address next = address;
    const bool oss = address.dialect == DialectKind::oss;
    if (name.find('.') == std::string::npos) {
        next.region = oss ? without_oss(name) : name;
        if (!is_region(next.region)) return std::nullopt;
        if (is_regional(address.dialect, address.host)) {
            next.host =
                oss ? oss_host(address.host, next.region) : amazon_host(address.host, next.region);
        }
    } else {
        next.host = name;
        if (next.host.starts_with(address.bucket + "."))
            next.host.erase(0, address.bucket.size() + 1);
        const std::string region = region_of_host(address.dialect, next.host);
        if (!region.empty()) next.region = region;
        if (address.is_original() && next.is_original() &&
            !is_regional(address.dialect, address.host)) {
            next.host = address.host;
        }
    }
    const bool stays = is_host(next.host) && next.is_official() == address.is_official() &&
                       registrable_domain(next.host) == registrable_domain(address.host);
    if (!stays || next == address) return std::nullopt;
    return next;
}

std::string_view registrable_domain(std::string_view host) {
    if (is_ip_address(host)) return host;
    // Two-letter countries with a general label before them have one label more. That covers
    // the services' own domains (amazonaws.com.cn); for other hosts a longer answer is the safe
    // one.
    size_t labels = 2;
    const size_t last = host.rfind('.');
    if (last == std::string_view::npos) return host;
    if (host.size() - last - 1 == 2) labels = 3;
    size_t at = host.size();
    while (labels > 0) {
        if (at == 0) return host;
        const size_t dot = host.rfind('.', at - 1);
        if (dot == std::string_view::npos) return host;
        at = dot;
        --labels;
    }
    return host.substr(at + 1);
}

}  // namespace xbucket
