// SPDX-FileCopyrightText: the xbucket authors
#include "bucket_tree.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket::app {
namespace {

class BucketTree final : public Tree {
  public:
    BucketTree(std::unique_ptr<Bucket> bucket, std::string source)
        : bucket_(std::move(bucket)), source_(std::move(source)) {}

    Result<Node> look(const std::string& word) override {
        // The rest is the key, whatever else it could be taken for.
        const bool ours = word.starts_with(shown(""));
        const std::string key =
            ours ? word.substr(source_.size() + 1) : TRY(parse_object_url(word)).key;
        if (key.empty() || key.ends_with('/')) return directory(key);
        auto stat = meta().stat(ObjectKey(key), Freshness::complete);
        if (stat) return file(key, *stat);
        if (stat.error().kind != ErrorKind::not_found) return named(key, stat.error());
        // No object of that name: a directory, perhaps.
        auto below = directory(key + "/");
        if (!below && below.error().kind == ErrorKind::not_found) {
            return named(key, fail(ErrorKind::not_found, "no such object"));
        }
        return below;
    }

    Result<void> complete(Node& node) override {
        if (node.size && node.modified) return {};
        auto stat = meta().stat(ObjectKey(node.id), Freshness::cached);
        if (!stat && node.kind == NodeKind::directory) return {};
        if (!stat) return named(node.id, stat.error());
        node.size = stat->size;
        node.modified = stat->last_modified;
        return {};
    }

    Result<void> walk(const Node& directory,
                      const std::function<bool(const Node&)>& visit) override {
        ListRequest request;
        request.prefix = directory.id;
        for (;;) {
            auto page = bucket_->store().list(request);
            if (!page) return named(directory.id, page.error());
            meta().observe_listing(*page);
            for (const ListEntry& entry : page->objects) {
                if (entry.key.str() == directory.id) continue;  // its own marker
                if (!visit(listed(entry))) return {};
            }
            if (page->next_token.empty()) return {};
            request.token = page->next_token;
        }
    }

    Result<std::vector<std::string>> list(const Node& node, bool all) override {
        const ObjectKey key(node.id);
        auto names = meta().list_attributes(key);
        if (!names) return named(node.id, names.error());
        if (!all) return names;
        for (std::string& fact : AttributeModel::fact_names()) {
            if (std::find(names->begin(), names->end(), fact) == names->end())
                names->push_back(std::move(fact));
        }
        return names;
    }

    Result<std::string> get(const Node& node, const std::string& name) override {
        auto value = meta().get_attribute(ObjectKey(node.id), name);
        if (!value) return named(node.id, value.error());
        return value;
    }

    Result<void> change(const Node& node, const std::vector<AttributeWord>& changes) override {
        std::vector<AttrChange> list;
        for (const AttributeWord& word : changes) {
            list.push_back({TRY(AttrName::parse(word.name)), word.value, SetFlag::any});
        }
        auto changed = meta().change_attributes(ObjectKey(node.id), std::move(list));
        if (!changed) return named(node.id, changed.error());
        return {};
    }

    Result<void> finish() override { return meta().shutdown(); }

  private:
    MetaEngine& meta() { return bucket_->meta(); }

    std::string shown(const std::string& key) const { return fmt::format("{}/{}", source_, key); }

    Error named(const std::string& key, const Error& error) const {
        return Error(error).with_context(printable(shown(key)));
    }

    Node file(const std::string& key, const ObjectStat& stat) const {
        return Node{.shown = shown(key),
                    .id = key,
                    .kind = NodeKind::file,
                    .size = stat.size,
                    .modified = stat.last_modified};
    }

    Node listed(const ListEntry& entry) const {
        const std::string& key = entry.key.str();
        NodeKind kind = key.ends_with('/') ? NodeKind::directory : NodeKind::file;
        if (entry.type == ObjectType::symlink) kind = NodeKind::symlink;
        return Node{shown(key), key, kind, entry.size, entry.last_modified};
    }

    // A directory is there as long as any key starts with it; a bucket always is.
    Result<Node> directory(const std::string& key) {
        Node node{shown(key), key, NodeKind::directory, {}, {}};
        if (key.empty()) return node;
        ListRequest request;
        request.prefix = key;
        request.keys_max = 1;
        auto page = bucket_->store().list(request);
        if (!page) return named(key, page.error());
        if (page->objects.empty()) {
            return named(key, fail(ErrorKind::not_found, "no such object or directory"));
        }
        return node;
    }

    const std::unique_ptr<Bucket> bucket_;
    const std::string source_;
};

}  // namespace

bool is_object_url(std::string_view word) {
    return word.starts_with("oss://") || word.starts_with("s3://") || word.starts_with("local:");
}

Result<ObjectUrl> parse_object_url(const std::string& word) {
    const bool local = word.starts_with("local:");
    // The bucket begins behind "//", or behind '#'; without one it is the folder's only.
    const size_t scheme = local ? bucket_mark(word) : word.find("://") + 2;
    if (local && scheme == std::string::npos) {
        TRY(parse_source(word));
        return ObjectUrl{word, ""};
    }
    const size_t slash = word.find('/', scheme + 1);
    ObjectUrl url{word.substr(0, slash), ""};
    if (slash != std::string::npos) url.key = word.substr(slash + 1);
    TRY(parse_source(url.source));
    return url;
}

std::unique_ptr<Tree> make_bucket_tree(std::unique_ptr<Bucket> bucket, std::string source) {
    return std::make_unique<BucketTree>(std::move(bucket), std::move(source));
}

}  // namespace xbucket::app
