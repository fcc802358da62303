// SPDX-FileCopyrightText: the xbucket authors
// Headers, and the two predicates that keep anything which could split a request out of it.
#include "xbucket/http/message.h"

#include "xbucket/base/encoding.h"

#include <algorithm>

namespace xbucket {

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
        if (iequals(header.name, name)) return header.value;
    }
    return std::nullopt;
}

std::string_view Headers::value_or_empty(std::string_view name) const {
    return get(name).value_or(std::string_view());
}

bool is_safe_header_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
}

bool is_safe_header_name(std::string_view name) {
    constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kPunctuation.find(c) != std::string_view::npos;
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
