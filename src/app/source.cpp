// SPDX-FileCopyrightText: the xbucket authors
// A hand-written parser: three forms do not need a URL library, and every refusal should say what
// the writer probably meant.
#include "source.h"

#include <fmt/format.h>

namespace xbucket::app {
namespace {

constexpr std::string_view kForms =
    "write oss://BUCKET[/PREFIX], s3://BUCKET[/PREFIX] or local:DIR[#BUCKET[/PREFIX]]";

Error bad(std::string message) { return fail(ErrorKind::invalid_argument, std::move(message)); }

// protocol.md 4: 3 to 63 of a-z 0-9 and '-' (S3 allows '.', old S3 buckets '_' and capitals too).
bool is_bucket_name(std::string_view name, DialectKind dialect) {
    if (name.size() < 3 || name.size() > (dialect == DialectKind::s3 ? 255U : 63U)) return false;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        const bool s3_only = c == '.' || c == '_' || (c >= 'A' && c <= 'Z');
        if (!plain && !(dialect == DialectKind::s3 && s3_only)) return false;
    }
    return name.front() != '-' && name.back() != '-' && name.front() != '.';
}

// "bucket/some/prefix" to its parts.
Result<void> take_bucket_and_prefix(std::string_view text, std::string_view whole, Source& source) {
    const size_t slash = text.find('/');
    source.bucket = text.substr(0, slash);
    if (!is_bucket_name(source.bucket, source.dialect)) {
        return bad(fmt::format("'{}' in {} is no bucket name (3 to 63 of a-z, 0-9 and '-'); {}",
                               source.bucket, whole, kForms));
    }
    if (slash == std::string_view::npos) return {};
    std::string_view prefix = text.substr(slash + 1);
    if (prefix.find("//") != std::string_view::npos || prefix.starts_with('/')) {
        return bad(fmt::format("the prefix in {} has an empty part ('//')", whole));
    }
    source.prefix = prefix;
    if (!source.prefix.empty() && !source.prefix.ends_with('/')) source.prefix += '/';
    return {};
}

}  // namespace

size_t bucket_mark(std::string_view text) {
    const size_t last = text.rfind('#');
    for (size_t mark = last; mark != std::string_view::npos && mark > 0;
         mark = text.rfind('#', mark - 1)) {
        const std::string_view behind = text.substr(mark + 1);
        if (is_bucket_name(behind.substr(0, behind.find('/')), DialectKind::oss)) return mark;
    }
    return last;
}

namespace {

Result<Source> parse_local(std::string_view text) {
    Source source;
    source.local = true;
    std::string_view rest = text.substr(std::string_view("local:").size());
    const size_t hash = bucket_mark(rest);
    source.directory = rest.substr(0, hash);
    if (source.directory.empty()) {
        return bad(
            fmt::format("{} names no folder; write local:DIR, such as local:$HOME/buckets", text));
    }
    if (hash != std::string_view::npos) {
        TRY(take_bucket_and_prefix(rest.substr(hash + 1), text, source));
    }
    return source;
}

}  // namespace

Result<Source> parse_source(std::string_view text) {
    if (text.starts_with("local:")) return parse_local(text);
    Source source;
    std::string_view rest;
    if (text.starts_with("oss://")) {
        rest = text.substr(6);
    } else if (text.starts_with("s3://")) {
        source.dialect = DialectKind::s3;
        rest = text.substr(5);
    } else if (text.find("://") != std::string_view::npos) {
        return bad(
            fmt::format("{}: unknown scheme; {} (the service's address goes into "
                        "--endpoint)",
                        text, kForms));
    } else {
        return bad(fmt::format("'{}' is no source; {}", text, kForms));
    }
    TRY(take_bucket_and_prefix(rest, text, source));
    return source;
}

Result<std::string> choose_local_bucket(const Source& source,
                                        const std::vector<std::string>& folders) {
    if (!source.bucket.empty()) return source.bucket;
    if (folders.empty()) return std::string("bucket");
    if (folders.size() == 1) return folders.front();
    return bad(fmt::format("{} holds {} buckets; say which: local:{}#{}", source.directory,
                           folders.size(), source.directory, folders.front()));
}

}  // namespace xbucket::app
