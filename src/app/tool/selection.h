// SPDX-FileCopyrightText: the xbucket authors
// Which objects a command's paths mean: themselves, or everything below directories, with name
// patterns.
#pragma once

#include "forest.h"

#include <functional>
#include <string>
#include <vector>

namespace xbucket::app {

struct Selection {
    std::vector<std::string> words;  // paths and URLs
    bool recursive = false;
    bool directories = false;           // with recursive: directories too
    bool links = false;                 // with recursive: symbolic links too
    std::vector<std::string> includes;  // shell patterns; none: everything
};

// Whether a shell pattern fits: without '/' the last part of `shown`, else all below `root`. Pure.
bool is_included(const std::vector<std::string>& includes, const std::string& shown,
                 const std::string& root);

// Calls `take` for each object, on the calling thread; false stops. What cannot be found or listed
// goes to `failed` and does not stop the rest; `begun` is false where the word itself could not be
// looked at. Ends early when interrupted.
void select(Forest& forest, const Selection& selection,
            const std::function<bool(Tree&, const Node&)>& take,
            const std::function<void(const std::string& word, const Error&, bool begun)>& failed);

}  // namespace xbucket::app
