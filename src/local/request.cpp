// SPDX-FileCopyrightText: the xbucket authors
#include "request.h"

#include "xbucket/base/encoding.h"

#include <array>
#include <cstring>

namespace xbucket::local {

bool Request::parse_target(std::string_view target) {
    // Absolute form ("GET http://host/path") is what a proxy would see; only its path counts.
    if (target.substr(0, 7) == "http://") {
        const size_t slash = target.find('/', 7);
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    const size_t mark = target.find('?');
    raw_path = std::string(target.substr(0, mark));
    raw_query = mark == std::string_view::npos ? "" : std::string(target.substr(mark + 1));
    if (raw_path.empty() || raw_path[0] != '/') return false;
    query.clear();
    std::string_view rest = raw_query;
    while (!rest.empty()) {
        const size_t amp = rest.find('&');
        const std::string_view item = rest.substr(0, amp);
        rest = amp == std::string_view::npos ? std::string_view() : rest.substr(amp + 1);
        if (item.empty()) continue;
        const size_t equals = item.find('=');
        auto name = percent_decode(item.substr(0, equals), true);
        auto value = percent_decode(
            equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1), true);
        if (!name || !value) return false;
        query.emplace_back(std::move(*name), std::move(*value));
    }
    return true;
}

const std::string* Request::param(std::string_view name) const {
    for (const auto& [key_text, value] : query) {
        if (key_text == name) return &value;
    }
    return nullptr;
}

std::optional<std::string_view> Request::ext_if(std::string_view name) const {
    std::array<char, 96> full;
    if (name.size() + 6 > full.size()) return std::nullopt;
    std::memcpy(full.data(), prefix().data(), 6);
    std::memcpy(full.data() + 6, name.data(), name.size());
    return headers.get(std::string_view(full.data(), name.size() + 6));
}

std::string_view Request::ext(std::string_view name) const {
    return ext_if(name).value_or(std::string_view());
}

}  // namespace xbucket::local
