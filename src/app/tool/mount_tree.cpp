// SPDX-FileCopyrightText: the xbucket authors
// Objects reached through a mount: every call is the one that getfattr or setfattr would make, and
// the speed comes from many of them at a time.
#include "directory_walk.h"
#include "mount_view.h"
#include "tree.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/sync.h"
#include "xbucket/meta/attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <sys/stat.h>
#include <sys/xattr.h>

namespace xbucket::app {
namespace {

// What a call's errno means to a person who never sees the daemon's log.
Error failure(int error, const std::string& path, std::string_view doing) {
    const auto because = [&](ErrorKind kind, std::string_view reason) {
        return fail(kind, fmt::format("{}: {}: {}", printable(path), doing, reason));
    };
    switch (error) {
        case ENODATA:
            return because(ErrorKind::no_such_attribute, "no such attribute");
        case ENOENT:
            return because(ErrorKind::not_found, "no such file");
        case EACCES:
            return because(ErrorKind::access_denied,
                           "permission denied (file mode, the bucket's policy, or an archived "
                           "object; the mount's log says which)");
        case EPERM:
            return because(ErrorKind::not_permitted,
                           "not permitted (a fact that cannot be set, or an object under a "
                           "retention rule; the mount's log says which)");
        case EOPNOTSUPP:
            return because(ErrorKind::unsupported,
                           "not supported: the root of a bucket, or an attribute that this service "
                           "does not have");
        case ENOSPC:
            return because(ErrorKind::no_attribute_space,
                           "the object's metadata or tags would be over the service's limit");
        case E2BIG:
            return because(ErrorKind::value_too_large, "the value is over the service's limit");
        case EROFS:
            return because(ErrorKind::read_only, "the mount is read-only");
        case ENOTCONN:
            return because(ErrorKind::io, "the mount's daemon is gone; mount again");
        case EINVAL:
            return because(ErrorKind::invalid_argument, "this is nothing that it can be set to");
        case ERANGE:
            return because(ErrorKind::name_too_long, "the name is longer than 255 bytes");
        case EIO:
            return because(ErrorKind::io, "input/output error; the mount's log says why");
        case EBUSY:
            return because(ErrorKind::conflict, "others kept changing the object; try again");
        default:
            return because(ErrorKind::io, std::strerror(error));
    }
}

// Calls `read` (buffer, size) with a buffer that fits.
template <class Read>
Result<std::string> read_grown(const Read& read, const std::string& path, std::string_view doing) {
    constexpr size_t kUsual = 4096;
    constexpr size_t kMax = 65536;
    std::string buffer(kUsual, '\0');
    for (;;) {
        const ssize_t n = read(buffer.data(), buffer.size());
        if (n >= 0) {
            buffer.resize(static_cast<size_t>(n));
            return buffer;
        }
        if (errno != ERANGE || buffer.size() >= kMax) return failure(errno, path, doing);
        buffer.resize(kMax);
    }
}

std::optional<NodeKind> kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return NodeKind::directory;
    if (S_ISLNK(mode)) return NodeKind::symlink;
    if (S_ISREG(mode)) return NodeKind::file;
    return std::nullopt;
}

void take_stat(const struct stat& st, Node& node) {
    node.size = static_cast<uint64_t>(st.st_size);
    node.modified = WallTime{std::chrono::seconds(st.st_mtim.tv_sec) +
                             std::chrono::nanoseconds(st.st_mtim.tv_nsec)};
}

class MountTree final : public Tree {
  public:
    Result<Node> look(const std::string& word) override {
        struct stat st {};
        if (stat(word.c_str(), &st) != 0) return failure(errno, word, "cannot look at it");
        TRY(check_mount(st.st_dev, word));
        const auto kind = kind_of(st.st_mode);
        if (!kind)
            return fail(ErrorKind::unsupported,
                        fmt::format("{}: neither file nor directory", printable(word)));
        // As getfattr and setfattr do with a path that they are given: a link stands for its
        // target.
        struct stat link {};
        std::string id = word;
        if (lstat(word.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) {
            id = TRY(resolve_path(word));
        }
        Node node{.shown = word, .id = std::move(id), .kind = *kind, .size = {}, .modified = {}};
        take_stat(st, node);
        return node;
    }

    Result<void> complete(Node& node) override {
        if (node.size && node.modified) return {};
        struct stat st {};
        if (lstat(node.id.c_str(), &st) != 0) return failure(errno, node.id, "cannot look at it");
        take_stat(st, node);
        return {};
    }

    Result<void> walk(const Node& directory,
                      const std::function<bool(const Node&)>& visit) override {
        return walk_directory(directory.shown,
                              [&visit](const std::string& path, unsigned char type) {
                                  NodeKind kind = NodeKind::file;
                                  if (type == DT_DIR) kind = NodeKind::directory;
                                  if (type == DT_LNK) kind = NodeKind::symlink;
                                  return visit(Node{path, path, kind, {}, {}});
                              });
    }

    Result<std::vector<std::string>> list(const Node& node, bool all) override {
        const std::string& path = node.id;
        const std::string packed = TRY(read_grown(
            [&](char* buffer, size_t size) { return llistxattr(path.c_str(), buffer, size); }, path,
            "cannot list its attributes"));
        std::vector<std::string> names;
        for (size_t begin = 0; begin < packed.size();) {
            const size_t end = std::min(packed.find('\0', begin), packed.size());
            names.push_back(packed.substr(begin, end - begin));
            begin = end + 1;
        }
        if (!all) return names;
        for (std::string& fact : AttributeModel::fact_names()) {
            if (std::find(names.begin(), names.end(), fact) == names.end())
                names.push_back(std::move(fact));
        }
        return names;
    }

    Result<std::string> get(const Node& node, const std::string& name) override {
        const std::string& path = node.id;
        return read_grown(
            [&](char* buffer, size_t size) {
                return lgetxattr(path.c_str(), name.c_str(), buffer, size);
            },
            path, fmt::format("cannot read {}", printable(name)));
    }

    Result<void> change(const Node& node, const std::vector<AttributeWord>& changes) override {
        const std::string& path = node.id;
        // One that cannot be changed keeps no other from it.
        Result<void> first;
        for (const AttributeWord& change : changes) {
            const char* const name = change.name.c_str();
            const int done = change.value ? lsetxattr(path.c_str(), name, change.value->data(),
                                                      change.value->size(), 0)
                                          : lremovexattr(path.c_str(), name);
            // What is to go and is not there is gone.
            if (done == 0 || (errno == ENODATA && !change.value)) continue;
            if (!first) continue;
            first = failure(errno, path,
                            fmt::format("cannot {} {}", change.value ? "set" : "remove",
                                        printable(change.name)));
        }
        return first;
    }

  private:
    // Other file systems have attributes, too; what is set there is in no bucket.
    Result<void> check_mount(dev_t device, const std::string& word) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (known_.count(device) != 0) return {};
        const auto mount = mount_of(word);
        if (!mount) return fail(ErrorKind::io, mount.error().message);
        known_.insert(device);
        return {};
    }

    Mutex mutex_;
    std::set<dev_t> known_ GUARDED_BY(mutex_);  // devices that are mounts of ours
};

}  // namespace

std::unique_ptr<Tree> make_mount_tree() { return std::make_unique<MountTree>(); }

}  // namespace xbucket::app
