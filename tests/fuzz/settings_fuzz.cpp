// SPDX-FileCopyrightText: the xbucket authors
// What people and files say to a mount, with any bytes: configuration and key files, sources,
// options, endpoints, and the region that a service's error names. Refusals are one line and hold
// nothing that a terminal would act on; a hint never leads requests, which carry a signature, to
// another domain.
#include "config.h"
#include "endpoint.h"
#include "options.h"
#include "source.h"

#include "xbucket/base/ini.h"
#include "xbucket/base/sync.h"

#include <algorithm>
#include <cstdint>

using namespace xbucket;       // NOLINT
using namespace xbucket::app;  // NOLINT

namespace {

template <class T>
bool is_said_well(const Result<T>& result) {
    return result || (!result.error().message.empty() &&
                      result.error().message.find('\n') == std::string::npos);
}

void check_settings(std::string_view text) {
    const auto entries = parse_ini(text);
    CHECK(is_said_well(entries));
    if (!entries) return;
    Config config;
    config.mountpoint = "/mnt";
    for (const IniEntry& entry : *entries) {
        CHECK(!entry.name.empty() && entry.line > 0);
        CHECK(entry.value.reveal().find('\n') == std::string::npos);
        if (const Setting* setting = find_setting(entry.name)) {
            (void)setting->set(config, entry.value.reveal());
        }
    }
    (void)validate(config);
    (void)validate_location(config);
}

void check_options(std::string_view text) {
    for (const std::string& option : split_mount_options(text)) {
        CHECK(!option.empty());
        (void)is_fstab_noise(option);
        (void)is_kernel_option(option);
        (void)find_setting(option);
    }
}

void check_source(std::string_view text) {
    const auto source = parse_source(text);
    if (!source) {
        CHECK(source.error().kind == ErrorKind::invalid_argument);
        return;
    }
    CHECK(source->prefix.empty() || source->prefix.ends_with('/'));
    CHECK(source->bucket.find('/') == std::string::npos);
    CHECK(source->local || !source->bucket.empty());
}

// What follows the scheme cannot be read as anything but host and port.
bool is_one_host(const Address& address) {
    return address.origin().find_first_of(" /\\\r\n\t@?#", address.scheme.size() + 3) ==
           std::string::npos;
}

void check_endpoint(std::string_view text) {
    for (const DialectKind dialect : {DialectKind::oss, DialectKind::s3}) {
        HttpStoreConfig config;
        config.dialect = dialect;
        config.bucket = "examplebucket";
        config.endpoint = std::string(text);
        config.region = "cn-hangzhou";
        if (const auto address = make_address(config)) {
            CHECK(address->scheme == "http" || address->scheme == "https");
            CHECK(is_one_host(*address));
        }
        config.endpoint.clear();
        const auto home = make_address(config);
        CHECK(home.has_value());
        const auto moved = corrected_address(*home, text);
        if (!moved) continue;
        CHECK(registrable_domain(moved->host) == registrable_domain(home->host));
        CHECK(moved->scheme == home->scheme && moved->is_official());
        CHECK(is_one_host(*moved));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_settings(text);
    check_options(text);
    for (std::string_view rest = text; !rest.empty();) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        check_source(line);
        check_endpoint(line);
        (void)parse_duration(line);
        (void)parse_mode(line);
        if (const auto bytes = parse_size(line))
            CHECK(*parse_size(std::to_string(*bytes)) == *bytes);
        (void)is_plain_http_elsewhere(line);
    }
    return 0;
}
