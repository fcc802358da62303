// SPDX-FileCopyrightText: the xbucket authors
#include "explain.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

// The end of a sentence that support may ask for.
std::string reference(const Error& error) {
    std::string text;
    const auto add = [&text](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", name, printable(value));
    };
    if (error.http_status != 0) add("HTTP", fmt::to_string(error.http_status));
    add("code", error.code);
    add("request", error.request_id);
    return text.empty() ? text : text + ")";
}

std::string place(const AccessAttempt& attempt) {
    if (!attempt.endpoint.empty()) return attempt.endpoint;
    return attempt.region.empty() ? "the service" : fmt::format("region {}", attempt.region);
}

std::string key(const AccessAttempt& attempt) {
    if (attempt.access_key_id.empty()) return "no key (--anonymous)";
    return fmt::format("key {} from {}", printable(attempt.access_key_id), attempt.key_source);
}

// What is wrong with the bucket's name or place; "" where the error is of another kind.
std::string advice_on_place(const Error& error, const AccessAttempt& attempt) {
    const std::string bucket = fmt::format("bucket '{}'", attempt.bucket);
    if (error.kind == ErrorKind::no_such_bucket || error.kind == ErrorKind::not_found) {
        return fmt::format("{} does not exist at {}; check its name, --region and --endpoint",
                           bucket, place(attempt));
    }
    if (error.kind == ErrorKind::wrong_endpoint) {
        return error.hint.empty()
                   ? fmt::format("{} is not at {}; give its own --region or --endpoint", bucket,
                                 place(attempt))
                   : fmt::format("{} is not at {} but at {}; give that as --region or --endpoint",
                                 bucket, place(attempt), printable(error.hint));
    }
    return "";
}

std::string advice_on_key(const Error& error, const AccessAttempt& attempt) {
    if (error.kind == ErrorKind::bad_credentials) {
        return fmt::format(
            "{} does not accept {}: check the key, its secret and that both are for "
            "this service",
            place(attempt), key(attempt));
    }
    if (error.kind == ErrorKind::expired_credentials) {
        return fmt::format("the temporary {} has expired; get a new one", key(attempt));
    }
    if (error.kind == ErrorKind::access_denied) {
        return attempt.access_key_id.empty()
                   ? fmt::format("bucket '{}' is not public: give a key instead of --anonymous",
                                 attempt.bucket)
                   : fmt::format(
                         "{} may not list bucket '{}': its policy must allow ListObjects "
                         "there",
                         key(attempt), attempt.bucket);
    }
    if (error.kind == ErrorKind::clock_skew) {
        return fmt::format(
            "this machine's clock ({}) is too far from the service's{}{}; set it "
            "right, such as by NTP",
            format_http_date(attempt.now), error.hint.empty() ? "" : ", ", printable(error.hint));
    }
    return "";
}

std::string advice_on_network(const Error& error, const AccessAttempt& attempt) {
    if (error.kind == ErrorKind::network || error.kind == ErrorKind::timed_out) {
        // The transport's own words end with what to check.
        return fmt::format("cannot reach {}: {}", place(attempt), printable(error.message));
    }
    if (error.kind == ErrorKind::tls) {
        return fmt::format("{} cannot be trusted: {}", place(attempt), printable(error.message));
    }
    if (error.kind == ErrorKind::bad_reply) {
        return fmt::format("{} does not answer like an object store: {}; is --endpoint right?",
                           place(attempt), printable(error.message));
    }
    return "";
}

}  // namespace

std::string explain_access_failure(const Error& error, const AccessAttempt& attempt) {
    for (const auto advice : {advice_on_place, advice_on_key, advice_on_network}) {
        const std::string text = advice(error, attempt);
        if (!text.empty()) return text + reference(error);
    }
    return printable(error.message) + reference(error);
}

}  // namespace xbucket::app
