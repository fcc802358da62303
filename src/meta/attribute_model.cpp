// SPDX-FileCopyrightText: the xbucket authors
// Reading attributes out of what HeadObject said. Changing them: attribute_change.cpp.
#include "attr_grammar.h"
#include "content_types.h"
#include "model_lookup.h"
#include "name_codec.h"
#include "packed_attributes.h"
#include "posix_entry.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

namespace xbucket {

namespace {

using FactReader = std::optional<std::string> (*)(const ObjectInfo& info);

struct Fact {
    std::string_view word;
    FactReader read;
};

std::optional<std::string> unless_empty(const std::string& text) {
    if (text.empty()) return std::nullopt;
    return text;
}

template <class T>
std::optional<std::string> if_set(const std::optional<T>& number) {
    if (!number) return std::nullopt;
    return fmt::format("{}", *number);
}

// user.object.WORD: what HeadObject says and nobody can set.
constexpr Fact kFacts[] = {
    {"etag", [](const ObjectInfo& i) { return unless_empty(i.etag.str()); }},
    {"size", [](const ObjectInfo& i) { return std::optional(fmt::format("{}", i.size)); }},
    {"last-modified",
     [](const ObjectInfo& i) { return std::optional(format_http_date(i.last_modified)); }},
    {"type", [](const ObjectInfo& i) { return std::optional(std::string(to_string(i.type))); }},
    {"version-id", [](const ObjectInfo& i) { return unless_empty(i.version_id.str()); }},
    {"crc64", [](const ObjectInfo& i) { return if_set(i.crc64); }},
    {"encryption",
     [](const ObjectInfo& i) {
         if (i.attributes.sse.customer_key) return std::optional<std::string>("customer-key");
         return unless_empty(i.attributes.sse.algorithm);
     }},
    {"encryption-key-id",
     [](const ObjectInfo& i) { return unless_empty(i.attributes.sse.key_id); }},
    {"encryption-data-algorithm",
     [](const ObjectInfo& i) { return unless_empty(i.attributes.sse.data_algorithm); }},
    {"expiration", [](const ObjectInfo& i) { return unless_empty(i.expiration); }},
    {"replication-status", [](const ObjectInfo& i) { return unless_empty(i.replication_status); }},
    {"tag-count", [](const ObjectInfo& i) { return if_set(i.tag_count); }},
    {"next-append-position", [](const ObjectInfo& i) { return if_set(i.next_append_position); }},
    {"website-redirect",
     [](const ObjectInfo& i) { return unless_empty(i.attributes.website_redirect); }},
    {"lock-mode", [](const ObjectInfo& i) { return unless_empty(i.attributes.lock.mode); }},
    {"lock-retain-until",
     [](const ObjectInfo& i) { return unless_empty(i.attributes.lock.retain_until); }},
    {"lock-legal-hold",
     [](const ObjectInfo& i) { return unless_empty(i.attributes.lock.legal_hold); }},
};

Error no_attribute() { return fail(ErrorKind::no_such_attribute, "not set"); }

Result<std::string> read_fact(const ObjectInfo& info, std::string_view word) {
    for (const Fact& fact : kFacts) {
        if (fact.word != word) continue;
        auto value = fact.read(info);
        if (!value) return no_attribute();
        return *std::move(value);
    }
    return no_attribute();
}

void list_shown(std::string_view attribute_name, std::vector<std::string>& names) {
    std::string full(kUserPrefix);
    if (is_reserved_word(attribute_name)) full += "meta.";
    full += attribute_name;
    // Longer names cannot be asked for; the entry itself is never touched.
    if (full.size() <= kXattrNameMax) names.push_back(std::move(full));
}

void list_user(const RawAlphabet& raw, const UserMetadata& user, std::vector<std::string>& names) {
    const auto packed = read_packed(user);
    const bool hides_packed = packed && !holds_more(raw, user, *packed);
    for (const auto& [metadata_name, value] : user) {
        if (is_posix_entry(metadata_name, value)) continue;
        if (hides_packed && metadata_name == kPackedEntry) continue;
        list_shown(shown_name(raw, user, metadata_name), names);
    }
    if (!packed) return;
    for (const std::string& name : packed_names(raw, user, *packed)) list_shown(name, names);
}

bool is_default_type(const ObjectKey& key, const std::optional<std::string>& type) {
    return !type || is_telling_nothing(key.str(), *type);
}

void list_fields(const ObjectKey& key, const ObjectAttributes& attributes,
                 std::vector<std::string>& names) {
    for (const HttpField field : kHttpFields) {
        if (!attributes[field]) continue;
        if (field != HttpField::content_type)
            names.push_back(fmt::format("user.http.{}", to_string(field)));
        else if (!is_default_type(key, attributes[field]))
            names.emplace_back("user.mime_type");
    }
}

}  // namespace

AttributeModel::AttributeModel(const StoreTraits& traits)
    : traits_(traits), raw_(make_raw_alphabet(traits.raw_name_characters)) {}

std::vector<std::string> AttributeModel::list(const ObjectKey& key, const ObjectInfo& info,
                                              const std::optional<Tags>& tags,
                                              const ListOptions& options) const {
    std::vector<std::string> names;
    list_user(raw_, info.attributes.user, names);
    list_fields(key, info.attributes, names);
    if (tags) {
        for (const auto& [tag, value] : *tags) {
            std::string full = "user.tag." + tag;
            if (full.size() <= kXattrNameMax) names.push_back(std::move(full));
        }
    }
    if (options.all) {
        for (const Fact& fact : kFacts)
            if (fact.read(info)) names.push_back(fmt::format("user.object.{}", fact.word));
        names.emplace_back("user.object.storage-class");
        if (!info.restore.empty()) names.emplace_back("user.object.restore");
    }
    return names;
}

std::vector<std::string> AttributeModel::fact_names() {
    std::vector<std::string> names;
    for (const Fact& fact : kFacts) names.push_back(fmt::format("user.object.{}", fact.word));
    names.emplace_back("user.object.storage-class");
    names.emplace_back("user.object.restore");
    return names;
}

Result<std::string> get_by_view(const StoreTraits& traits, const RawAlphabet& raw,
                                const ObjectInfo& info, const AttrNameView& name) {
    const ObjectAttributes& attributes = info.attributes;
    if (name.kind == AttrKind::user_metadata) {
        const auto found = find_shown(raw, attributes.user, name.bare);
        if (found != attributes.user.end()) return decode_header_value(found->second);
        if (auto packed = find_packed(raw, attributes.user, name.bare)) return *std::move(packed);
        return no_attribute();
    }
    if (name.kind == AttrKind::http_field) {
        const auto& value = attributes[name.field];
        if (!value) return no_attribute();
        return *value;
    }
    if (name.kind == AttrKind::storage_class) {
        if (!attributes.storage_class.empty()) return attributes.storage_class;
        if (traits.default_storage_class.empty()) return no_attribute();
        return traits.default_storage_class;
    }
    if (name.kind == AttrKind::restore) {
        if (info.restore.empty()) return no_attribute();
        return info.restore;
    }
    if (name.kind == AttrKind::object_fact) return read_fact(info, name.bare);
    return no_attribute();
}

Result<std::string> AttributeModel::get(const ObjectKey& key, const ObjectInfo& info,
                                        const AttrName& name) const {
    static_cast<void>(key);
    return get_by_view(traits_, raw_, info, {name.kind, name.bare, name.field, name.url_seconds});
}

uint64_t AttributeModel::metadata_bytes(const ObjectAttributes& attributes) const {
    uint64_t bytes = 0;
    for (const auto& [name, value] : attributes.user)
        bytes += name.size() + traits_.metadata_bytes_per_name + value.size();
    return bytes;
}

std::string AttributeModel::encode_name(std::string_view attribute_name) const {
    return encode_metadata_name(raw_, attribute_name);
}

std::string AttributeModel::decode_name(std::string_view metadata_name) const {
    return decode_metadata_name(raw_, metadata_name);
}

std::string AttributeModel::encode_value(std::string_view value) const {
    return encode_header_value(value);
}

std::string AttributeModel::decode_value(std::string_view header_value) const {
    return decode_header_value(header_value);
}

}  // namespace xbucket
