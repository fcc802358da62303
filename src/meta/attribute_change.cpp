// SPDX-FileCopyrightText: the xbucket authors
// Changing the complete set of attributes: flags per name, limits before anything is sent
// (DESIGN 2, "Limits" and "Flags"). Each function leaves `attributes` alone when it fails.
#include "content_types.h"
#include "name_codec.h"
#include "packed_attributes.h"
#include "posix_entry.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/meta/attributes.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {

namespace {

constexpr size_t kTagKeyMax = 128;    // characters, protocol.md 4.5
constexpr size_t kTagValueMax = 256;  // characters

// XATTR_CREATE and XATTR_REPLACE against what is there; removal needs something to remove.
Result<void> judge(const AttrChange& change, bool exists) {
    if (exists && change.value && change.flag == SetFlag::create_only)
        return fail(ErrorKind::already_exists, change.name.full + " is set already");
    if (!exists && (!change.value || change.flag == SetFlag::replace_only))
        return fail(ErrorKind::no_such_attribute, change.name.full + " is not set");
    return {};
}

size_t count_characters(std::string_view utf8) {
    return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

bool is_tag_text(std::string_view text) {
    return is_valid_utf8(text) && std::all_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
           });
}

// The first character that the service takes in no tag.
std::optional<char> refused_in_tags(std::string_view text, std::string_view punctuation) {
    if (punctuation.empty()) return std::nullopt;
    for (const char c : text) {
        const bool letter_or_digit =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        const bool ascii = static_cast<unsigned char>(c) < 0x80;
        if (ascii && !letter_or_digit && c != ' ' && punctuation.find(c) == std::string_view::npos)
            return c;
    }
    return std::nullopt;
}

Result<void> check_tag(const AttrName& name, const std::string& value,
                       std::string_view punctuation) {
    if (!is_tag_text(name.bare))
        return fail(ErrorKind::invalid_name, "a tag's key must be printable UTF-8 text");
    for (const std::string& text : {name.bare, value})
        if (const auto refused = refused_in_tags(text, punctuation))
            return fail(ErrorKind::invalid_argument,
                        fmt::format("the service takes no '{}' in a tag's key or value, only "
                                    "letters, digits, blanks and {}; user.NAME takes any bytes",
                                    *refused, punctuation));
    if (count_characters(name.bare) > kTagKeyMax)
        return fail(ErrorKind::invalid_name,
                    fmt::format("a tag's key has at most {} characters", kTagKeyMax));
    if (!is_tag_text(value))
        return fail(ErrorKind::invalid_argument,
                    fmt::format("the value of {} must be printable UTF-8 text: services store no "
                                "other in tags; user.NAME takes any bytes",
                                printable(name.full)));
    if (count_characters(value) > kTagValueMax)
        return fail(ErrorKind::value_too_large,
                    fmt::format("a tag's value has at most {} characters; user.NAME takes more",
                                kTagValueMax));
    return {};
}

// One of the words of a list, as "gzip" in "aws-chunked, gzip".
bool lists_word(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        if (iequals(trim_ows(list.substr(0, comma)), word)) return true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

}  // namespace

Result<void> AttributeModel::apply(const ObjectKey& key, const AttrChange& change,
                                   ObjectAttributes& attributes) const {
    switch (change.name.kind) {
        case AttrKind::user_metadata:
            return apply_user(change, attributes);
        case AttrKind::http_field:
            return apply_field(key, change, attributes);
        case AttrKind::tag:
            return apply_tag(change, attributes);
        case AttrKind::storage_class:
            return apply_class(change, attributes);
        case AttrKind::foreign:
            return fail(ErrorKind::unsupported,
                        fmt::format("{} is outside user.: a bucket stores no such attributes",
                                    printable(change.name.full)));
        case AttrKind::object_fact:
        case AttrKind::acl:
        case AttrKind::restore:
        case AttrKind::url:
        case AttrKind::versions:
        case AttrKind::control:
            break;
    }
    return fail(ErrorKind::not_permitted,
                fmt::format("{} cannot be changed: it is what the service says",
                            printable(change.name.full)));
}

// The first change of an attribute takes those that another tool had packed into one entry along,
// as entries of their own; where these would not fit, they stay as they are.
Result<void> AttributeModel::apply_user(const AttrChange& change,
                                        ObjectAttributes& attributes) const {
    const UserMetadata& user = attributes.user;
    const std::string& name = change.name.bare;
    const auto found = find_shown(raw_, user, name);
    const auto packed = find_packed(raw_, user, name);
    const bool exists = found != user.end() || packed;
    TRY(judge(change, exists));
    if (exists && change.value &&
        (packed ? *packed : decode_header_value(found->second)) == *change.value)
        return {};
    // An entry keeps its spelling, whoever made it.
    const std::string header = found != user.end() ? found->first : encode_name(name);
    const uint64_t limit = traits_.metadata_bytes_max;
    ObjectAttributes changed = attributes;
    changed.user.erase(header);
    if (change.value) {
        const std::string value = encode_header_value(*change.value);
        if (limit != 0 && header.size() + traits_.metadata_bytes_per_name + value.size() > limit)
            return fail(
                ErrorKind::value_too_large,
                fmt::format("{} with {} bytes as stored can never fit: the service takes {} "
                            "bytes of metadata in all",
                            printable(change.name.full), value.size(), limit));
        changed.user.insert_or_assign(header, value);
    }
    if (name != kPackedEntry && user.find(kPackedEntry) != user.end()) {
        ObjectAttributes unpacked = changed;
        unpack_all(raw_, name, unpacked.user);
        if (limit == 0 || metadata_bytes(unpacked) <= limit) {
            attributes = std::move(unpacked);
            return {};
        }
        drop_packed(name, changed.user);
    }
    // Removing makes nothing longer.
    if (change.value) TRY(make_room(changed));
    attributes = std::move(changed);
    return {};
}

// At the limit recorded POSIX state yields to what users set, the least worthy first. The mode of
// a symbolic link stays: without it the link would be a file.
Result<void> AttributeModel::make_room(ObjectAttributes& attributes) const {
    const uint64_t limit = traits_.metadata_bytes_max;
    if (limit == 0 || metadata_bytes(attributes) <= limit) return {};
    const auto mode = read_posix_record(attributes).mode;
    const bool is_link = mode && (*mode & 0170000U) == 0120000U;
    for (const std::string_view name : kPosixNamesByWorth) {
        const auto found = attributes.user.find(name);
        if (found == attributes.user.end() || !is_posix_entry(found->first, found->second))
            continue;
        if (is_link && name == "mode") continue;
        attributes.user.erase(found);
        if (metadata_bytes(attributes) <= limit) return {};
    }
    return fail(ErrorKind::no_attribute_space,
                fmt::format("the object's metadata would be {} bytes and the service takes {}: "
                            "remove attributes or use shorter values",
                            metadata_bytes(attributes), limit));
}

Result<void> AttributeModel::apply_field(const ObjectKey& key, const AttrChange& change,
                                         ObjectAttributes& attributes) const {
    std::optional<std::string>& stored = attributes[change.name.field];
    const bool is_type = change.name.field == HttpField::content_type;
    const std::string_view default_type = content_type_of(key.str());
    // The default content type is as good as none: it is not listed, and cannot be removed.
    const bool exists = stored && !(is_type && is_telling_nothing(key.str(), *stored));
    if (change.value && change.flag == SetFlag::replace_only && is_type && stored) {
        // It can be read, so it can be replaced.
    } else {
        TRY(judge(change, exists));
    }
    if (!change.value) {
        stored = is_type ? std::optional<std::string>(default_type) : std::nullopt;
        return {};
    }
    if (!is_plain_field_value(*change.value))
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{} is an HTTP header: its value must be printable ASCII without "
                                "spaces at the ends, and not empty (remove it instead)",
                                printable(change.name.full)));
    constexpr size_t kFieldMax = 2048;  // system metadata on S3, protocol.md 4.2
    if (change.value->size() > kFieldMax)
        return fail(ErrorKind::value_too_large,
                    fmt::format("{} has at most {} bytes", printable(change.name.full), kFieldMax));
    if (traits_.dialect == "s3" && change.name.field == HttpField::content_encoding &&
        lists_word(*change.value, "aws-chunked"))
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{} cannot be aws-chunked: S3 takes the word for how a request is "
                                "sent, and does not store it",
                                printable(change.name.full)));
    stored = *change.value;
    return {};
}

Result<void> AttributeModel::apply_tag(const AttrChange& change,
                                       ObjectAttributes& attributes) const {
    if (!traits_.tagging) return fail(ErrorKind::unsupported, "the service has no object tags");
    if (!attributes.tags)
        return fail(ErrorKind::internal, "tags are changed without having been read");
    Tags& tags = *attributes.tags;
    const auto found = tags.find(change.name.bare);
    TRY(judge(change, found != tags.end()));
    if (!change.value) {
        tags.erase(found);
        return {};
    }
    TRY(check_tag(change.name, *change.value, traits_.tag_punctuation));
    if (found == tags.end() && tags.size() >= traits_.tags_max)
        return fail(ErrorKind::no_attribute_space,
                    fmt::format("an object has at most {} tags: remove one, or use user.NAME",
                                traits_.tags_max));
    tags.insert_or_assign(change.name.bare, *change.value);
    return {};
}

Result<void> AttributeModel::apply_class(const AttrChange& change,
                                         ObjectAttributes& attributes) const {
    if (!change.value)
        return fail(ErrorKind::not_permitted, "an object always has a storage class; set another");
    TRY(judge(change, true));
    const std::string& wanted = *change.value;
    const bool is_word = !wanted.empty() && std::all_of(wanted.begin(), wanted.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
    if (!is_word)
        return fail(ErrorKind::invalid_argument,
                    "a storage class is one word, such as Standard or STANDARD_IA");
    // S3 does not say the default class; "" stays "" so that equal sets stay equal.
    if (attributes.storage_class.empty() && wanted == traits_.default_storage_class) return {};
    attributes.storage_class = wanted;
    return {};
}

bool AttributeModel::apply_posix(const PosixRecord& record, ObjectAttributes& attributes) const {
    PosixRecord left = record;
    const uint64_t limit = traits_.metadata_bytes_max;
    ObjectAttributes changed = attributes;
    write_posix_record(left, changed);
    bool complete = true;
    for (size_t i = 0; limit != 0 && metadata_bytes(changed) > limit; ++i) {
        complete = false;
        if (i == kPosixNamesByWorth.size()) return false;  // nothing fits: leave all as it is
        clear_member(left, kPosixNamesByWorth[i]);
        changed = attributes;
        write_posix_record(left, changed);
    }
    attributes = std::move(changed);
    return complete;
}

}  // namespace xbucket
