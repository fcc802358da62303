// SPDX-FileCopyrightText: the xbucket authors
// Attribute names, with any bytes, in both directions: a program's xattr names become header names,
// and headers that any client may have written become xattr names. The rules are N1 to N7 of
// xbucket-attributes(7): nothing is lost, nothing is listed that cannot be read.
#include "attr_grammar.h"
#include "name_codec.h"

#include "xbucket/base/sync.h"
#include "xbucket/meta/attributes.h"

#include <algorithm>
#include <cstdint>
#include <set>

using namespace xbucket;  // NOLINT

namespace {

StoreTraits traits_of(std::string_view dialect, std::string_view characters) {
    StoreTraits traits;
    traits.dialect = dialect;
    traits.raw_name_characters = characters;
    traits.metadata_bytes_max = 8191;
    return traits;
}

bool holds_only(const RawAlphabet& raw, std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [&raw](char c) { return raw.test(static_cast<unsigned char>(c)); });
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        if (end != 0) lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void check_grammar(std::string_view name) {
    const auto view = parse_attr_name(name);
    const auto parsed = AttrName::parse(name);
    CHECK(view.has_value() == parsed.has_value());
    if (!view) {
        CHECK(name.starts_with(kUserPrefix));
        return;
    }
    CHECK(parsed->full == name && parsed->bare == view->bare && parsed->kind == view->kind);
    CHECK((view->kind == AttrKind::foreign) == !name.starts_with(kUserPrefix));
}

// One object whose metadata has the given names.
void check_object(const AttributeModel& model, const RawAlphabet& raw,
                  const std::vector<std::string_view>& names) {
    ObjectInfo info;
    for (const std::string_view name : names) info.attributes.user.emplace(name, "v");
    std::set<std::string> shown;
    for (const auto& [name, value] : info.attributes.user) {
        const std::string attribute = shown_name(raw, info.attributes.user, name);
        CHECK(shown.insert(attribute).second);
        const auto found = find_shown(raw, info.attributes.user, attribute);
        CHECK(found != info.attributes.user.end() && found->first == name);
    }
    const ObjectKey key("dir/a.txt");
    for (const std::string& listed : model.list(key, info, std::nullopt, {})) {
        CHECK(listed.size() <= kXattrNameMax);
        const auto name = AttrName::parse(listed);
        CHECK(name.has_value());
        CHECK(model.get(key, info, *name).has_value());
        // Removing it removes one entry and leaves the rest.
        ObjectAttributes rest = info.attributes;
        CHECK(model.apply(key, {*name, std::nullopt, SetFlag::any}, rest).has_value());
        CHECK(rest.user.size() + 1 == info.attributes.user.size() ||
              name->kind != AttrKind::user_metadata);
    }
}

void check_codec(const RawAlphabet& raw, std::string_view text) {
    if (text.find('\0') == std::string_view::npos) {
        const std::string header = encode_metadata_name(raw, text);
        CHECK(holds_only(raw, header));
        CHECK(decode_metadata_name(raw, header) == text);
    }
    const std::string attribute = decode_metadata_name(raw, text);
    if (holds_only(raw, text)) {
        CHECK(encode_metadata_name(raw, attribute) == text);
    } else {
        CHECK(attribute == text);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr std::string_view kOss = "abcdefghijklmnopqrstuvwxyz0123456789-";
    constexpr std::string_view kS3 = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    static const RawAlphabet oss_raw = make_raw_alphabet(kOss);
    static const RawAlphabet s3_raw = make_raw_alphabet(kS3);
    static const AttributeModel oss(traits_of("oss", kOss));
    static const AttributeModel s3(traits_of("s3", kS3));
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto names = lines_of(text);
    for (const std::string_view name : names) {
        check_grammar(name);
        check_grammar("user." + std::string(name));
        check_codec(oss_raw, name);
        check_codec(s3_raw, name);
    }
    check_object(oss, oss_raw, names);
    check_object(s3, s3_raw, names);
    return 0;
}
