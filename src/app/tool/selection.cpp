// SPDX-FileCopyrightText: the xbucket authors
#include "selection.h"

#include "interrupt.h"

#include <fnmatch.h>

namespace xbucket::app {

bool is_included(const std::vector<std::string>& includes, const std::string& shown,
                 const std::string& root) {
    if (includes.empty()) return true;
    std::string path = shown;
    while (path.ends_with('/')) path.pop_back();
    const std::string name = path.substr(path.rfind('/') + 1);
    std::string below = path.starts_with(root) ? path.substr(root.size()) : path;
    while (below.starts_with('/')) below.erase(0, 1);
    for (const std::string& pattern : includes) {
        const std::string& against = pattern.find('/') == std::string::npos ? name : below;
        if (fnmatch(pattern.c_str(), against.c_str(), 0) == 0) return true;
    }
    return false;
}

void select(Forest& forest, const Selection& selection,
            const std::function<bool(Tree&, const Node&)>& take,
            const std::function<void(const std::string& word, const Error&, bool begun)>& failed) {
    for (const std::string& word : selection.words) {
        if (interrupted()) return;
        auto place = forest.find(word);
        if (!place) {
            failed(word, place.error(), false);
            continue;
        }
        const Node& root = place->node;
        const bool below = selection.recursive && root.kind == NodeKind::directory;
        if (!below || selection.directories) {
            const bool wanted = below || is_included(selection.includes, root.shown, "");
            if (wanted && !take(*place->tree, root)) return;
        }
        if (!below) continue;
        bool stopped = false;
        auto walked = place->tree->walk(root, [&](const Node& node) {
            if (interrupted()) return false;
            const bool plain = node.kind == NodeKind::file ||
                               (node.kind == NodeKind::directory && selection.directories) ||
                               (node.kind == NodeKind::symlink && selection.links);
            if (!plain || !is_included(selection.includes, node.shown, root.shown)) return true;
            stopped = !take(*place->tree, node);
            return !stopped;
        });
        if (stopped) return;
        if (!walked) failed(word, walked.error(), true);
    }
}

}  // namespace xbucket::app
