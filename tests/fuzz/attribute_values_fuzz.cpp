// SPDX-FileCopyrightText: the xbucket authors
// Attribute values, with any bytes: what a program sets comes back byte by byte, its header is
// plain visible ASCII whatever it was, and a header of anybody's decodes to something (rules V1 to
// V9 of xbucket-attributes(7)).
#include "packed_attributes.h"
#include "value_codec.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/sync.h"
#include "xbucket/meta/attributes.h"

#include <algorithm>
#include <cstdint>
#include <map>

using namespace xbucket;  // NOLINT

namespace {

bool is_plain_line(std::string_view text) {
    const bool printable_ascii =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
    return printable_ascii && !text.empty() && !text.starts_with(' ') && !text.ends_with(' ') &&
           text.find("  ") == std::string_view::npos;
}

// Set through the model and read through it, from every starting value.
void check_model(const AttributeModel& model, const std::string& value, const std::string& before) {
    const ObjectKey key("a");
    const AttrName name = *AttrName::parse("user.k");
    ObjectInfo info;
    info.attributes.user["k"] = before;
    if (!model.apply(key, {name, value, SetFlag::any}, info.attributes)) return;
    CHECK(model.get(key, info, name).value() == value);
    // The value that is there already leaves the header's spelling alone (V7).
    const std::string spelled = info.attributes.user.at("k");
    CHECK(model.apply(key, {name, value, SetFlag::any}, info.attributes).has_value());
    CHECK(info.attributes.user.at("k") == spelled);
}

// The value as the entry in which s3fs keeps everything: what is shown of it can be read, and all
// of that is there after another attribute was set.
void check_packed(const AttributeModel& model, const std::string& value) {
    const ObjectKey key("a");
    ObjectInfo info;
    info.attributes.user["xattr"] = value;
    const auto packed = read_packed(info.attributes.user);
    if (!packed) return;
    if (!packed->empty()) {
        CHECK(read_packed({{"xattr", write_packed(*packed)}}) == packed);
    }
    std::map<std::string, std::string> before;
    for (const std::string& listed : model.list(key, info, std::nullopt, {}))
        before[listed] = model.get(key, info, *AttrName::parse(listed)).value();
    const AttrName name = *AttrName::parse("user.k");
    if (!model.apply(key, {name, "new", SetFlag::any}, info.attributes)) return;
    before["user.k"] = "new";
    before.erase("user.xattr");
    for (const auto& [listed, was] : before)
        CHECK(model.get(key, info, *AttrName::parse(listed)).value() == was);
}

void check_field(const AttributeModel& model, const std::string& value) {
    ObjectAttributes attributes;
    const auto set =
        model.apply(ObjectKey("a"),
                    {*AttrName::parse("user.http.cache-control"), value, SetFlag::any}, attributes);
    if (!set) {
        CHECK(attributes == ObjectAttributes());
        return;
    }
    CHECK(is_safe_header_value(*attributes[HttpField::cache_control]));
    CHECK(*attributes[HttpField::cache_control] == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const AttributeModel model([] {
        StoreTraits traits;
        traits.dialect = "s3";
        traits.raw_name_characters = "abcdefghijklmnopqrstuvwxyz0123456789.-";
        traits.metadata_bytes_max = 2048;
        return traits;
    }());
    const std::string value(reinterpret_cast<const char*>(data), size);
    const std::string header = encode_header_value(value);
    CHECK(is_plain_line(header));
    CHECK(is_safe_header_value(header));
    CHECK(decode_header_value(header) == value);
    // As if the bytes were somebody's header: decoding is total, and what it gives can be set.
    const std::string meaning = decode_header_value(value);
    CHECK(decode_header_value(encode_header_value(meaning)) == meaning);
    if (is_plain_field_value(value)) CHECK(is_safe_header_value(value));
    check_model(model, value, "before");
    check_model(model, meaning, value);
    check_field(model, value);
    check_packed(model, value);
    return 0;
}
