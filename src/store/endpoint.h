// SPDX-FileCopyrightText: the xbucket authors
// Where the requests for one bucket go: endpoint, address style and region (protocol.md 1.4). Pure
// values; the store replaces its Address as a whole when a service names a better one.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/types.h"
#include "xbucket/store/http_store.h"

#include <optional>
#include <string>
#include <string_view>

namespace xbucket {

struct Address {
    DialectKind dialect = DialectKind::oss;
    std::string bucket;
    std::string scheme;  // "https", "http"
    std::string host;    // lower-case, IPv6 in brackets; without the bucket
    std::string port;    // "" = the scheme's own
    std::string region;
    AddressingStyle style = AddressingStyle::path;  // never automatic

    // "https://bucket.host[:port]", as far as style and port ask for it.
    std::string origin() const;
    // As the Host header must be and SigV4 signs it.
    std::string host_header() const;
    // "/dir/a%20b", with the bucket in front in path style; "/" or "/bucket/" for the bucket.
    std::string encoded_path(const ObjectKey& key) const;
    // A provider's own domain: aliyuncs.com, amazonaws.com.
    bool is_official() const;
    // That of the dialect's own provider, whose documentation holds there: Alibaba, too, speaks the
    // S3 dialect on its domain, and with other rules.
    bool is_original() const;
    // What a reply's Date says can be believed: TLS, or a server on this machine.
    bool is_authenticated() const;

    friend bool operator==(const Address&, const Address&) = default;
};

// Errors: invalid_argument with what to give instead (no region, malformed endpoint), invalid_name
// for bucket names that cannot be.
Result<Address> make_address(const HttpStoreConfig& config);

// The address after a service has said where the bucket lives: `hint` is a region ("eu-west-1",
// "oss-cn-beijing") or an endpoint's host. nullopt when that changes nothing or leads out of the
// registrable domain (requests carry credentials: reliability.md 43).
std::optional<Address> corrected_address(const Address& address, std::string_view hint);

// "aliyuncs.com" for "oss-cn-hangzhou.aliyuncs.com"; the whole text for IP addresses.
std::string_view registrable_domain(std::string_view host);

}  // namespace xbucket
