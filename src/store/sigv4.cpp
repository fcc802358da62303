// SPDX-FileCopyrightText: the xbucket authors
// AWS Signature Version 4 for S3 (protocol.md 1.3): the path as sent and never normalised, every
// query parameter, exactly the headers named.
#include "canonical.h"

namespace xbucket {

// Most canonical requests fit.
constexpr size_t kUsualBytes = 512;

std::string sigv4_canonical_request(const SignedRequest& request,
                                    const std::vector<std::string>& signed_headers,
                                    std::string_view payload_hash) {
    std::string header_lines;
    std::string names;
    for (const std::string& name : signed_headers) {
        header_lines.append(name).append(":");
        canonical::append_values(header_lines, request.headers, name, canonical::Blanks::collapse);
        header_lines.append("\n");
        if (!names.empty()) names += ';';
        names += name;
    }
    std::string out;
    out.reserve(kUsualBytes);
    out.append(request.method);
    out.append("\n").append(request.encoded_path.empty() ? "/" : request.encoded_path);
    out.append("\n").append(
        canonical::query_line(request.query, canonical::EmptyValue::with_equals));
    out.append("\n").append(header_lines);
    out.append("\n").append(names);
    return out.append("\n").append(payload_hash);
}

std::string sigv4_signature(const Secret& secret, const SigningScope& scope,
                            std::string_view timestamp, std::string_view canonical_request) {
    return canonical::v4_signature(
        {.algorithm = "AWS4-HMAC-SHA256", .key_prefix = "AWS4", .terminator = "aws4_request"},
        secret, scope, timestamp, canonical_request);
}

}  // namespace xbucket
