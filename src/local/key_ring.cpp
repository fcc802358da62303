// SPDX-FileCopyrightText: the xbucket authors
#include "key_ring.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <vector>

namespace xbucket::local {
namespace {

constexpr size_t kKeysMax = 1000;
constexpr uint64_t kLifeMax = 86400;  // seconds

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        const size_t end = std::min(line.find(' '), line.size());
        if (end > 0) words.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

// The id before the first '/' or ':' of what stands behind `label`.
std::string_view id_behind(std::string_view text, std::string_view label) {
    const size_t at = text.find(label);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + label.size());
    return text.substr(0, text.find_first_of("/:, "));
}

std::string_view claimed_id(const Request& request) {
    const std::string_view authorization = request.header("authorization");
    if (authorization.starts_with("OSS ")) return id_behind(authorization, "OSS ");
    if (!authorization.empty()) return id_behind(authorization, "Credential=");
    for (const char* name : {"x-oss-credential", "X-Amz-Credential", "OSSAccessKeyId"}) {
        const std::string* value = request.param(name);
        if (value != nullptr) return id_behind(*value, "");
    }
    return {};
}

}  // namespace

KeyRing::KeyRing(AcceptedKey lasting)
    : lasting_(std::make_shared<const AcceptedKey>(std::move(lasting))) {}

Result<void> KeyRing::change(std::string_view lines, WallTime now) {
    LockGuard lock(mutex_);
    Keys keys = temporary_;
    unsigned number = 0;
    while (!lines.empty()) {
        const size_t end = std::min(lines.find('\n'), lines.size());
        const auto words = words_of(lines.substr(0, end));
        lines.remove_prefix(std::min(end + 1, lines.size()));
        ++number;
        if (words.empty()) continue;
        const uint64_t life =
            words.size() == 5 ? parse_u64(words[4]).value_or(UINT64_MAX) : UINT64_MAX;
        const auto found = words.size() == 2 ? keys.find(words[1]) : keys.end();
        if (words[0] == "add" && life <= kLifeMax && keys.size() < kKeysMax) {
            const auto until = now + std::chrono::seconds(static_cast<int64_t>(life));
            keys.insert_or_assign(
                std::string(words[1]),
                std::make_shared<const AcceptedKey>(
                    AcceptedKey{std::string(words[1]), Secret(words[2]), Secret(words[3]), until}));
        } else if (words[0] == "end" && found != keys.end()) {
            AcceptedKey ended = *found->second;
            ended.expires = now;
            found->second = std::make_shared<const AcceptedKey>(std::move(ended));
        } else if (words[0] == "remove" && found != keys.end()) {
            keys.erase(found);
        } else {
            return fail(ErrorKind::invalid_argument,
                        fmt::format("line {}: write \"add ID SECRET TOKEN SECONDS\" (at most "
                                    "86400), or \"end ID\" or \"remove ID\" of a key that is there",
                                    number));
        }
    }
    temporary_ = std::move(keys);
    return {};
}

std::shared_ptr<const AcceptedKey> KeyRing::for_request(const Request& request) const {
    const std::string_view id = claimed_id(request);
    LockGuard lock(mutex_);
    const auto it = temporary_.find(id);
    return it == temporary_.end() ? lasting_ : it->second;
}

}  // namespace xbucket::local
