// SPDX-FileCopyrightText: the xbucket authors
#include "siblings.h"

#include "xbucket/base/result.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace xbucket {

std::string_view Siblings::Page::name(size_t i) const {
    const size_t from = i == 0 ? 0 : ends[i - 1];
    return std::string_view(text).substr(from, ends[i] - from);
}

void Siblings::Page::push(std::string_view name) {
    text.append(name);
    ends.push_back(static_cast<uint32_t>(text.size()));
}

size_t Siblings::Page::lower_bound(std::string_view wanted) const {
    size_t low = 0;
    size_t high = size();
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (name(middle) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Siblings::Pages::const_iterator Siblings::page_for(std::string_view name) const {
    const auto behind = std::upper_bound(
        pages_.begin(), pages_.end(), name,
        [](std::string_view wanted, const Page& page) { return wanted < page.name(0); });
    return behind == pages_.begin() ? pages_.end() : std::prev(behind);
}

Siblings::Page Siblings::Page::part(size_t from, size_t to) const {
    Page page;
    page.begin = begin + from;
    for (size_t i = from; i < to; ++i) page.push(name(i));
    return page;
}

bool Siblings::add(const std::vector<std::string>& names) {
    if (names.empty()) return false;
    Page page;
    page.ends.reserve(names.size());
    page.text.reserve(std::accumulate(names.begin(), names.end(), size_t{0},
                                      [](size_t sum, const auto& n) { return sum + n.size(); }));
    for (const std::string& name : names) page.push(name);
    const auto first = std::partition_point(pages_.begin(), pages_.end(), [&](const Page& old) {
        return old.name(old.size() - 1) < names.front();
    });
    // The usual case: a listing goes on where it was.
    if (first == pages_.end()) {
        page.begin = end();
        bytes_ += page.bytes();
        pages_.push_back(std::move(page));
        return false;
    }
    const auto behind = std::partition_point(
        first, pages_.end(), [&](const Page& old) { return old.name(0) <= names.back(); });
    return replace(first, behind, std::move(page));
}

// Puts `page` where the names between its first and its last stood; what else the pages in
// [first, behind) hold stays around it.
bool Siblings::replace(Pages::iterator first, Pages::iterator behind, Page page) {
    const std::string_view from(page.name(0));
    const std::string_view to(page.name(page.size() - 1));
    const Place begin = first == pages_.end() ? end() : first->begin;
    const Place old_end = behind == first ? begin : std::prev(behind)->end();
    Pages parts;
    bool same = false;
    if (first != behind) {
        same = behind - first == 1 && first->text == page.text && first->ends == page.ends;
        const Page& last = *std::prev(behind);
        if (Page head = first->part(0, first->lower_bound(from)); head.size() != 0)
            parts.push_back(std::move(head));
        size_t rest = last.lower_bound(to);
        if (rest < last.size() && last.name(rest) == to) ++rest;
        Page tail = last.part(rest, last.size());
        parts.push_back(std::move(page));
        if (tail.size() != 0) parts.push_back(std::move(tail));
    } else {
        parts.push_back(std::move(page));
    }
    if (same) return false;
    for (auto old = first; old != behind; ++old) bytes_ -= old->bytes();
    Place next = begin;
    for (Page& part : parts) {
        part.begin = next;
        next = part.end();
        bytes_ += part.bytes();
    }
    auto at = pages_.erase(first, behind);
    at = pages_.insert(at, std::make_move_iterator(parts.begin()),
                       std::make_move_iterator(parts.end()));
    for (at += static_cast<Pages::difference_type>(parts.size()); at != pages_.end(); ++at)
        at->begin += next - old_end;
    return true;
}

bool Siblings::drop_front() {
    if (pages_.size() < 2) return false;
    bytes_ -= pages_.front().bytes();
    pages_.erase(pages_.begin());
    return true;
}

std::optional<Siblings::Place> Siblings::find(std::string_view name) const {
    const auto page = page_for(name);
    if (page == pages_.end()) return std::nullopt;
    const size_t at = page->lower_bound(name);
    if (at == page->size() || page->name(at) != name) return std::nullopt;
    return page->begin + at;
}

std::string_view Siblings::at(Place place) const {
    CHECK(place >= begin() && place < end());
    const auto behind =
        std::upper_bound(pages_.begin(), pages_.end(), place,
                         [](Place wanted, const Page& page) { return wanted < page.begin; });
    const Page& page = *std::prev(behind);
    return page.name(static_cast<size_t>(place - page.begin));
}

}  // namespace xbucket
