// SPDX-FileCopyrightText: the xbucket authors
#include "object_record.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace xbucket::local {

std::string_view Attributes::get(AttributeKind kind, std::string_view name) const {
    for (const auto& a : list_) {
        if (a.kind == kind && a.name == name) return a.value;
    }
    return {};
}

bool Attributes::has(AttributeKind kind, std::string_view name) const {
    return std::any_of(list_.begin(), list_.end(),
                       [&](const Attribute& a) { return a.kind == kind && a.name == name; });
}

void Attributes::set(AttributeKind kind, std::string_view name, std::string value) {
    for (auto& a : list_) {
        if (a.kind == kind && a.name == name) {
            a.value = std::move(value);
            return;
        }
    }
    list_.push_back({kind, std::string(name), std::move(value)});
}

void Attributes::remove(AttributeKind kind, std::string_view name) {
    std::erase_if(list_, [&](const Attribute& a) { return a.kind == kind && a.name == name; });
}

void Attributes::remove_kind(AttributeKind kind) {
    std::erase_if(list_, [&](const Attribute& a) { return a.kind == kind; });
}

void Attributes::take_kind_from(const Attributes& other, AttributeKind kind) {
    remove_kind(kind);
    std::copy_if(other.list_.begin(), other.list_.end(), std::back_inserter(list_),
                 [&](const Attribute& a) { return a.kind == kind; });
}

std::string Attributes::serialize() const {
    std::string out;
    for (const auto& a : list_) {
        out += static_cast<char>(a.kind);
        out += a.name;
        out += ':';
        out += a.value;
        out += '\n';
    }
    return out;
}

Attributes Attributes::parse(std::string_view text) {
    Attributes attributes;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        const size_t colon = line.find(':');
        if (line.size() < 2 || colon == std::string_view::npos) continue;
        attributes.list_.push_back({static_cast<AttributeKind>(line[0]),
                                    std::string(line.substr(1, colon - 1)),
                                    std::string(line.substr(colon + 1))});
    }
    return attributes;
}

std::string_view type_name(ObjectKind kind) {
    switch (kind) {
        case ObjectKind::normal:
            return "Normal";
        case ObjectKind::multipart:
            return "Multipart";
        case ObjectKind::appendable:
            return "Appendable";
        case ObjectKind::symlink:
            return "Symlink";
    }
    return "Normal";
}

// "blob:offset:size" or "=escaped path:mtime_ns:size", comma between.
std::string serialize_segments(const std::vector<Segment>& segments) {
    std::string out;
    auto sink = std::back_inserter(out);
    for (const auto& s : segments) {
        if (!out.empty()) out += ',';
        if (s.imported()) {
            fmt::format_to(sink, "={}:{}:{}", percent_encode(s.path, true), s.mtime_ns, s.size);
        } else {
            fmt::format_to(sink, "{}:{}:{}", s.blob, s.offset, s.size);
        }
    }
    return out;
}

std::vector<Segment> parse_segments(std::string_view text) {
    std::vector<Segment> segments;
    while (!text.empty()) {
        const size_t comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        const size_t second = item.rfind(':');
        if (second == std::string_view::npos || second == 0) continue;
        const size_t first = item.rfind(':', second - 1);
        if (first == std::string_view::npos) continue;
        Segment s;
        const std::string_view middle = item.substr(first + 1, second - first - 1);
        s.size = parse_u64(item.substr(second + 1)).value_or(0);
        if (item[0] == '=') {
            s.path = percent_decode(item.substr(1, first - 1)).value_or("");
            s.mtime_ns = parse_i64(middle).value_or(0);
        } else {
            s.blob = std::string(item.substr(0, first));
            s.offset = parse_u64(middle).value_or(0);
        }
        segments.push_back(std::move(s));
    }
    return segments;
}

std::string quoted_etag(std::string_view etag, Dialect dialect) {
    std::string out = "\"";
    for (const char c : etag) {
        out += dialect == Dialect::oss && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
    out += '"';
    return out;
}

std::string quoted_etag(const ObjectRecord& record, Dialect dialect) {
    return quoted_etag(record.etag, dialect);
}

bool etag_matches(std::string_view text, std::string_view etag) {
    while (!text.empty()) {
        const size_t comma = text.find(',');
        std::string_view item = trim_ows(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (item == "*") return true;
        if (item.substr(0, 2) == "W/") item.remove_prefix(2);
        if (item.size() >= 2 && item.front() == '"' && item.back() == '"') {
            item = item.substr(1, item.size() - 2);
        }
        if (iequals(item, etag)) return true;
    }
    return false;
}

namespace {

struct ClassNames {
    std::string_view stored;
    std::string_view oss;
    std::string_view s3;
};
// The first row that fits wins, so S3's classes without an OSS twin keep their own spelling.
constexpr std::array<ClassNames, 12> kClasses = {{
    {"", "Standard", "STANDARD"},
    {"IA", "IA", "STANDARD_IA"},
    {"Archive", "Archive", "GLACIER"},
    {"ColdArchive", "ColdArchive", "GLACIER"},
    {"DeepColdArchive", "DeepColdArchive", "DEEP_ARCHIVE"},
    {"REDUCED_REDUNDANCY", "Standard", "REDUCED_REDUNDANCY"},
    {"ONEZONE_IA", "IA", "ONEZONE_IA"},
    {"INTELLIGENT_TIERING", "Standard", "INTELLIGENT_TIERING"},
    {"GLACIER_IR", "IA", "GLACIER_IR"},
    {"OUTPOSTS", "Standard", "OUTPOSTS"},
    {"SNOW", "Standard", "SNOW"},
    {"EXPRESS_ONEZONE", "Standard", "EXPRESS_ONEZONE"},
}};

}  // namespace

std::optional<std::string> class_from_wire(std::string_view text) {
    for (const auto& c : kClasses) {
        if (text == c.s3 || iequals(text, c.oss)) return std::string(c.stored);
    }
    return std::nullopt;
}

std::string_view class_to_wire(std::string_view stored, Dialect dialect) {
    for (const auto& c : kClasses) {
        if (stored == c.stored) return dialect == Dialect::oss ? c.oss : c.s3;
    }
    return stored;
}

bool is_archived(std::string_view stored_class) {
    return stored_class == "Archive" || stored_class == "ColdArchive" ||
           stored_class == "DeepColdArchive";
}

std::optional<std::string> acl_from_wire(std::string_view text) {
    if (text.empty() || text == "default") return std::string();
    for (const std::string_view known :
         {"private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
          "bucket-owner-read", "bucket-owner-full-control"}) {
        if (text == known) return std::string(known);
    }
    return std::nullopt;
}

}  // namespace xbucket::local
