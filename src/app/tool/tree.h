// SPDX-FileCopyrightText: the xbucket authors
// Objects and their attributes as the commands see them, whichever way they are reached: through a
// mount (xattr calls on its files) or through a bucket of one's own (the metadata engine in this
// process). Names of attributes are xattr names.
#pragma once

#include "attribute_word.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xbucket::app {

enum class NodeKind { file, directory, symlink };

struct Node {
    std::string shown;  // as a person names it: a path, or a URL
    std::string id;     // the tree's own name for it
    NodeKind kind = NodeKind::file;
    std::optional<uint64_t> size;      // where a listing or a look told
    std::optional<WallTime> modified;  // the same
};

// Thread-safe; calls block on the network.
class Tree {
  public:
    virtual ~Tree() = default;

    // What stands where the user's word points. Errors: not_found, access_denied.
    virtual Result<Node> look(const std::string& word) = 0;
    // Fills in size and modified where a listing left them out.
    virtual Result<void> complete(Node& node) = 0;
    // Everything below a directory, each directory before what is in it; links are not followed.
    // `visit` says false to stop. The first error that ended it.
    virtual Result<void> walk(const Node& directory,
                              const std::function<bool(const Node&)>& visit) = 0;

    // Names that are listed. With `all`, facts and headers that are not: all that there is to read.
    virtual Result<std::vector<std::string>> list(const Node& node, bool all) = 0;
    // Errors: no_such_attribute, and others.
    virtual Result<std::string> get(const Node& node, const std::string& name) = 0;
    // All changes that can be made; the first error of those that cannot.
    virtual Result<void> change(const Node& node, const std::vector<AttributeWord>& changes) = 0;

    // Sends what is pending. Nothing may be called afterwards.
    virtual Result<void> finish() { return {}; }
};

// A path inside a mount of this machine.
std::unique_ptr<Tree> make_mount_tree();

}  // namespace xbucket::app
