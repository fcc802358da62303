// SPDX-FileCopyrightText: the xbucket authors
// Headers, and the two predicates that keep anything which could split a request out of it.
#include "xbucket/http/message.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <array>

namespace xbucket {

namespace {

// Looked at for each byte of each request: by table, not one comparison after the other.
using ByteSet = std::array<bool, 256>;

constexpr ByteSet value_bytes() {
    ByteSet set{};
    for (size_t byte = 0; byte < set.size(); ++byte)
        set[byte] = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    return set;
}

constexpr ByteSet name_bytes() {
    ByteSet set{};
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789!#$%&'*+-.^_`|~"))
        set[static_cast<unsigned char>(c)] = true;
    return set;
}

constexpr ByteSet kInValue = value_bytes();
constexpr ByteSet kInName = name_bytes();

}  // namespace

void Headers::add(std::string name, std::string value) {
    list_.push_back({std::move(name), std::move(value)});
}

void Headers::set(std::string_view name, std::string value) {
    const auto same = [name](const Header& header) { return iequals(header.name, name); };
    const auto first = std::find_if(list_.begin(), list_.end(), same);
    if (first == list_.end()) {
        add(std::string(name), std::move(value));
        return;
    }
    first->value = std::move(value);
    list_.erase(std::remove_if(first + 1, list_.end(), same), list_.end());
}

void Headers::remove(std::string_view name) {
    std::erase_if(list_, [name](const Header& header) { return iequals(header.name, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const Header& header : list_) {
        // Asked here as well: it spares most of the calls.
        if (header.name.size() == name.size() && iequals(header.name, name)) return header.value;
    }
    return std::nullopt;
}

std::string_view Headers::value_or_empty(std::string_view name) const {
    return get(name).value_or(std::string_view());
}

bool is_safe_header_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(),
                       [](char c) { return kInValue[static_cast<unsigned char>(c)]; });
}

bool is_safe_header_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return kInName[static_cast<unsigned char>(c)];
    });
}

std::string_view to_string(HttpMethod method) {
    switch (method) {
        case HttpMethod::get:
            return "GET";
        case HttpMethod::head:
            return "HEAD";
        case HttpMethod::put:
            return "PUT";
        case HttpMethod::post:
            return "POST";
        case HttpMethod::del:
            return "DELETE";
        case HttpMethod::options:
            return "OPTIONS";
    }
    return "?";
}

}  // namespace xbucket
