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

Headers::Headers(std::initializer_list<Header> list) {
    reserve(list.size());
    for (const Header& header : list) add(header.name, header.value);
}

void Headers::reserve(size_t headers) {
    constexpr size_t kUsualBytes = 40;  // of a name and its value
    places_.reserve(headers);
    bytes_.reserve(headers * kUsualBytes);
}

uint32_t Headers::store(std::string_view text) {
    const size_t at = bytes_.size();
    CHECK(at + text.size() <= UINT32_MAX);
    bytes_.append(text);
    return static_cast<uint32_t>(at);
}

void Headers::add(std::string_view name, std::string_view value) {
    const uint32_t name_at = store(name);
    const uint32_t value_at = store(value);
    name_sizes_ |= length_bit(name.size());
    places_.push_back({.name_at = name_at,
                       .name_size = static_cast<uint32_t>(name.size()),
                       .value_at = value_at,
                       .value_size = static_cast<uint32_t>(value.size())});
}

void Headers::extend_last(std::string_view more) {
    Place& last = places_.back();
    if (last.value_at + last.value_size != bytes_.size()) {
        const std::string value(view(last).value);
        last.value_at = store(value);
    }
    store(" ");
    store(more);
    last.value_size = static_cast<uint32_t>(bytes_.size() - last.value_at);
}

void Headers::set(std::string_view name, std::string_view value) {
    const auto same = [&](const Place& place) { return iequals(view(place).name, name); };
    const auto first = std::find_if(places_.begin(), places_.end(), same);
    if (first == places_.end()) return add(name, value);
    first->value_at = store(value);
    first->value_size = static_cast<uint32_t>(value.size());
    places_.erase(std::remove_if(first + 1, places_.end(), same), places_.end());
}

void Headers::remove(std::string_view name) {
    std::erase_if(places_, [&](const Place& place) { return iequals(view(place).name, name); });
}

std::optional<std::string_view> Headers::get(std::string_view prefix, std::string_view rest) const {
    const size_t size = prefix.size() + rest.size();
    if ((name_sizes_ & length_bit(size)) == 0) return std::nullopt;
    for (const Place& place : places_) {
        if (place.name_size != size) continue;
        const HeaderView header = view(place);
        if (iequals(header.name.substr(0, prefix.size()), prefix) &&
            iequals(header.name.substr(prefix.size()), rest))
            return header.value;
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
