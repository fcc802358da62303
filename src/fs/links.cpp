// SPDX-FileCopyrightText: the xbucket authors
#include "links.h"

#include "path_rules.h"

#include "xbucket/base/encoding.h"
#include "xbucket/data/get_range.h"

#include <algorithm>
#include <sys/stat.h>

namespace xbucket {
namespace {

constexpr uint64_t kTargetBytesMax = 4095;  // PATH_MAX without its NUL
constexpr uint32_t kLinkMode = S_IFLNK | 0777;
// Attribute of a native link whose text is not the shortest relative path to its target.
constexpr std::string_view kTextAttribute = "xbucket-link-text";

// A body from memory.
class TextBody final : public BodySource {
  public:
    explicit TextBody(std::string text) : text_(std::move(text)) {}
    uint64_t size() const override { return text_.size(); }
    Result<void> rewind() override {
        done_ = 0;
        return {};
    }
    Result<Chunk> read(std::span<char> buffer) override {
        const size_t n = std::min(buffer.size(), text_.size() - done_);
        std::copy_n(text_.data() + done_, n, buffer.data());
        done_ += n;
        return Chunk{n, false};
    }

  private:
    const std::string text_;
    size_t done_ = 0;
};

// What a native link had, for the object that takes its place.
void add_foreign(const ObjectAttributes& had, ObjectAttributes& attributes) {
    attributes.user.insert(had.user.begin(), had.user.end());
    for (const HttpField field : kHttpFields)
        if (field != HttpField::content_type && had[field]) attributes[field] = had[field];
    if (!had.acl.empty()) attributes.acl = had.acl;
    if (had.tags) attributes.tags = had.tags;
}

// Of one whose target has gone, or is a link, the service tells nothing.
bool is_untold(const Error& error) {
    return error.code == "SymlinkTargetNotExist" || error.code == "InvalidTargetType";
}

}  // namespace

Result<Entry> Links::create(InodeNumber parent, std::string_view name, std::string_view target,
                            const Caller& caller) {
    TRY(core_.check_writable());
    const InodePtr directory = TRY(core_.directory(parent));
    const DirectoryMoves::Arrival arrival(core_.moves, directory);
    const ObjectKey key =
        TRY(file_key(directory->current_key(), name, core_.store.traits().key_bytes_max));
    if (target.empty() || target.size() > kTargetBytesMax) {
        return fail(ErrorKind::name_too_long, "the link's target is empty or too long");
    }
    TRY(check(key, target));
    const KeyOrder::Turn turn = core_.meta.order().acquire(key);
    std::optional<ObjectStat> stat;
    PosixRecord posix;
    posix.mode = kLinkMode;
    const FirstAttributes first = directory->first_of(NodeType::symlink, 0777, caller);
    if (first.uid != core_.config.uid) posix.uid = first.uid;
    if (first.gid != core_.config.gid) posix.gid = first.gid;
    const Rules rules{.to_object = true, .may_replace = false};
    if (!TRY(put_native(key, target, posix, {}, rules)))
        stat = TRY(put_object(key, target, posix, {}, false));
    if (const InodePtr old = core_.table.find_key(key)) core_.table.remove(old);
    const InodePtr inode = core_.table.look_up(key, NodeType::symlink);
    {
        LockGuard lock(inode->mutex);
        inode->show_created(first, core_.clock.wall_now(), core_.entry_expiry());
        if (stat) {
            inode->show(*stat, core_.config, Origin::own_upload);
        } else {
            inode->note_link_made(core_.clock.wall_now());
            inode->shown.size = target.size();
        }
        inode->link_target = target;
    }
    core_.note_created(key);
    return core_.entry_of(inode);
}

// True when a native link was made. Its target must be a plain object that is there: the service
// answers a HEAD of any other link with an error, and the link would vanish from lookups.
Result<bool> Links::put_native(const ObjectKey& key, std::string_view target,
                               const PosixRecord& posix, ObjectAttributes attributes,
                               const Rules& rules) {
    if (!core_.store.traits().native_symlinks) return false;
    const std::optional<ObjectKey> target_key = resolve_link(key, target);
    if (!target_key || *target_key == key) return false;
    if (rules.to_object) {
        const Result<ObjectStat> there = core_.meta.stat(*target_key, Freshness::cached);
        if (!there || node_type_of(*there) == NodeType::symlink) return false;
    }
    const AttributeModel& model = core_.meta.model();
    model.apply_posix(posix, attributes);
    if (relative_link(key, *target_key) != target) {
        attributes.user[model.encode_name(kTextAttribute)] = model.encode_value(target);
    }
    if (!rules.may_replace) TRY(core_.check_free(key));
    // OSS PutSymlink takes no tags.
    const std::optional<Tags> tags = std::exchange(attributes.tags, std::nullopt);
    TRY(core_.store.put_symlink(key, *target_key, attributes));
    if (tags) TRY(core_.store.put_tags(key, *tags));
    if (rules.may_replace) {
        core_.meta.replaced(key);
    } else {
        core_.meta.forget(key);
    }
    return true;
}

Result<ObjectStat> Links::put_object(const ObjectKey& key, std::string_view target,
                                     const PosixRecord& posix, const ObjectAttributes& attributes,
                                     bool may_replace) {
    Patch staged;
    staged.posix = posix;
    UploadPlan plan = TRY(core_.meta.plan_upload(key, staged));
    if (plan.exists && !may_replace) return fail(ErrorKind::already_exists, "the name is taken");
    if (plan.exists) {
        // What is replaced goes with all that it had, and all that waits for it.
        plan.attributes = {};
        plan.journaled.reset();
        core_.meta.model().apply_posix(staged.posix, plan.attributes);
    }
    add_foreign(attributes, plan.attributes);
    PutRequest request;
    request.key = key;
    request.body = std::make_shared<TextBody>(std::string(target));
    request.attributes = plan.attributes;
    const PutReply reply = TRY(core_.store.put(request));
    if (plan.exists) core_.meta.replaced(key);
    return core_.meta.finish_upload(key, plan, reply, target.size()).result();
}

Result<void> Links::check(const ObjectKey& key, std::string_view target) const {
    if (core_.config.links == LinkPolicy::any || !may_lead_outside(key, target)) return {};
    return fail(ErrorKind::not_permitted, "the symbolic link '" + printable(key.str()) +
                                              "' may lead out of the mount, to '" +
                                              printable(target) + "': refused by links=inside");
}

Result<std::string> Links::read(InodeNumber ino) {
    const InodePtr inode = TRY(core_.inode(ino));
    if (inode->type != NodeType::symlink) {
        return fail(ErrorKind::invalid_argument, "not a symbolic link");
    }
    std::string target = TRY(read(inode));
    // Where it is now: a rename may have taken it nearer to the root.
    TRY(check(inode->current_key(), target));
    return target;
}

Result<std::string> Links::read(const InodePtr& inode) {
    ObjectKey key;
    ETag etag;
    uint64_t size = 0;
    uint64_t version = 0;
    {
        LockGuard lock(inode->mutex);
        if (!inode->link_target.empty()) return inode->link_target;
        key = inode->key;
        etag = inode->shown.etag;
        size = inode->shown.size;
        version = inode->content_version;
    }
    std::string text;
    Result<std::string> native = fail(ErrorKind::unsupported, "");
    if (core_.store.traits().native_symlinks) native = read_native(key);
    if (native) {
        text = std::move(*native);
    } else if (text = TRY(core_.meta.link_target(key)); text.empty()) {
        // An object made by s3fs, or here where a native link was not possible: its content.
        if (size == 0 || size > kTargetBytesMax) {
            return fail(ErrorKind::invalid_argument,
                        "'" + printable(key.str()) + "' holds no link target");
        }
        text = TRY(get_range(core_.store, key, etag, 0, size, true));
    }
    bool news = false;
    {
        LockGuard lock(inode->mutex);
        // Others made it anew while this was on its way: whoever reads it next asks.
        if (inode->content_version != version) return text;
        inode->link_target = text;
        news = inode->shown.native_link && inode->shown.size != text.size();
        if (news) inode->shown.size = text.size();
    }
    // Nothing but its text tells a native link's size.
    if (news) core_.invalidate_inode(inode, false);
    return text;
}

Result<std::string> Links::read_native(const ObjectKey& key) {
    const ObjectKey target = TRY(core_.store.get_symlink(key));
    const std::string shortest = relative_link(key, target);
    const Result<std::string> text =
        core_.meta.get_attribute(key, "user.meta." + std::string(kTextAttribute));
    // Only as long as it still names the link's target: another tool may have moved that.
    if (text && resolve_link(key, *text) == target) return *text;
    return shortest;
}

// What a link has of its own beside its text: metadata, ACL and tags that others gave it.
Result<ObjectAttributes> Links::own_attributes(const ObjectKey& link) {
    auto head = core_.store.head(link);
    if (!head && is_untold(head.error())) return ObjectAttributes{};
    if (!head) return std::move(head).error();
    ObjectAttributes attributes = std::move(head->info.attributes);
    // As told, these are its target's.
    attributes.storage_class.clear();
    attributes.sse = {};
    attributes.user.erase(core_.meta.model().encode_name(kTextAttribute));
    if (head->info.tag_count.value_or(0) != 0) attributes.tags = TRY(core_.store.get_tags(link));
    const auto acl = core_.store.get_acl(link);
    if (acl && *acl != core_.store.traits().default_acl) attributes.acl = *acl;
    return attributes;
}

// True when the service has copied the link itself, with all that it has. Where its text would mean
// another key from there, it has to be made anew.
Result<bool> Links::copy_native(const ObjectKey& from, const ObjectKey& to, std::string_view text,
                                bool no_replace) {
    const ObjectKey target = TRY(core_.store.get_symlink(from));
    const bool means_the_same = resolve_link(to, text) == target;
    const bool has_text = relative_link(from, target) != text;  // as an attribute
    if (!means_the_same || (!has_text && relative_link(to, target) != text)) return false;
    const auto moved = core_.meta.rename(from, to, no_replace);
    if (moved) return true;
    if (is_untold(moved.error())) return false;
    return moved.error();
}

Result<std::optional<ObjectStat>> Links::make_again(const ObjectKey& from, const ObjectKey& to,
                                                    std::string_view text, bool may_replace) {
    PosixRecord posix;
    // One whose target has gone is read no more; its text goes on.
    if (const Result<ObjectStat> stat = core_.meta.stat(from, Freshness::cached))
        posix = stat->posix;
    posix.mode = kLinkMode;
    const ObjectAttributes attributes = TRY(own_attributes(from));
    const Rules rules{.to_object = false, .may_replace = may_replace};
    std::optional<ObjectStat> object;
    if (!TRY(put_native(to, text, posix, attributes, rules)))
        object = TRY(put_object(to, text, posix, attributes, may_replace));
    TRY(core_.meta.remove(from));
    return object;
}

Result<void> Links::move_native(const ObjectKey& from, const ObjectKey& to, bool no_replace) {
    const std::string text = TRY(read_native(from));
    std::optional<ObjectStat> object;
    if (!TRY(copy_native(from, to, text, no_replace)))
        object = TRY(make_again(from, to, text, !no_replace));
    // What it shows goes with it.
    const InodePtr inode = core_.table.find_key(from);
    if (!inode || inode->type != NodeType::symlink) return {};
    LockGuard lock(inode->mutex);
    if (object) {
        inode->show(*object, core_.config, Origin::own_upload);
    } else {
        inode->note_link_made(core_.clock.wall_now());
    }
    return {};
}

}  // namespace xbucket
