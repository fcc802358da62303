// SPDX-FileCopyrightText: the xbucket authors
#include "name_stream.h"

#include "path_rules.h"

#include <algorithm>

namespace xbucket {

void NameStream::add(const ListPage& page) {
    // The two halves of a page are each in key order; together they are the directory in order.
    auto object = page.objects.begin();
    auto prefix = page.common_prefixes.begin();
    while (object != page.objects.end() || prefix != page.common_prefixes.end()) {
        const bool object_first = prefix == page.common_prefixes.end() ||
                                  (object != page.objects.end() && object->key.str() < *prefix);
        if (object_first) {
            push_object(*object++);
        } else {
            push_prefix(*prefix++);
        }
    }
    if (!page.next_token.empty()) return;
    for (ListedName& name : held_) ready_.push_back(std::move(name));
    held_.clear();
}

void NameStream::push_object(const ListEntry& entry) {
    if (entry.key == directory_) return;  // the directory's own marker
    if (is_directory_key(entry.key)) {
        push_prefix(entry.key.str());
        return;
    }
    release_passed(entry.key.str());
    ListedName listed;
    if (!take_name(entry.key.str(), listed.name)) return;
    listed.entry = entry;
    held_.push_back(std::move(listed));
}

void NameStream::push_prefix(const std::string& prefix) {
    release_passed(prefix);
    ListedName listed;
    if (!take_name(prefix, listed.name)) return;
    listed.directory = true;
    const auto hidden = std::find_if(held_.begin(), held_.end(), [&](const ListedName& held) {
        return held.name == listed.name;
    });
    if (hidden != held_.end()) {
        ++shadowed_;
        held_.erase(hidden);
    }
    ready_.push_back(std::move(listed));
}

void NameStream::release_passed(const std::string& key) {
    const auto still_ahead = [&](const ListedName& held) {
        return key <= held.entry.key.str() + '/';
    };
    auto keep = held_.begin();
    for (ListedName& held : held_) {
        if (still_ahead(held)) {
            if (&*keep != &held) *keep = std::move(held);
            ++keep;
        } else {
            ready_.push_back(std::move(held));
        }
    }
    held_.erase(keep, held_.end());
}

bool NameStream::take_name(const std::string& key, std::string& name) {
    const std::optional<std::string_view> below = name_below(directory_.str(), key);
    if (!below || !is_showable_name(*below)) {
        ++skipped_;
        return false;
    }
    name = *below;
    return true;
}

}  // namespace xbucket
