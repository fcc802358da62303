// SPDX-FileCopyrightText: the xbucket authors
// The content of files that are being changed. From the first change on a file has content of its
// own, which starts from the object (see FileContent) and goes up when somebody asks for it: close,
// fsync, or the mount's end. What is written in order goes up in parts meanwhile. All handles of an
// inode share this state (see FileState).
#pragma once

#include "core.h"
#include "upload.h"

#include <unordered_map>
#include <vector>

namespace xbucket {

// Thread-safe.
class Content {
  public:
    explicit Content(Core& core) : core_(core), uploader_(core) {}

    // A new, empty file that is not in the bucket; one lookup is counted. Errors: io, no_space.
    Result<InodePtr> create(const ObjectKey& key, const FirstAttributes& first);
    // Gives an object's file content of its own. To append: its kind counts, not only its bytes.
    // Errors: stale, no_space, the store's.
    Result<void> load(const InodePtr& inode, bool to_append = false);
    // The same for who changes it; not with a turn held. Errors: stale where it is gone.
    Result<void> load_for_change(const InodePtr& inode, bool to_append);
    Result<void> truncate(const InodePtr& inode, uint64_t size);
    // What a copy of the file as it is now starts from; looks at the object. Errors: unsupported
    // where only its bytes can be copied (they are not in the bucket yet, or not readable there).
    Result<FileContent::Base> copy_base(const InodePtr& inode);
    // Bytes [begin, end) become those of another file, which the service copies when this one goes
    // up. Errors: unsupported where they are neither all of this file nor behind more of the same.
    Result<void> become_copy(const InodePtr& inode, const FileContent::Base& from, ByteRange range);
    // The object is about to be changed, moved or deleted: files that are copies of it go up first.
    // Not with a turn held.
    void finish_copies_of(const ObjectKey& key);
    // Writes at `offset`, or at the end.
    // See FileSystem::write_pages().
    Result<void> write_pages(const InodePtr& inode, uint64_t offset, std::string_view bytes);
    Result<size_t> write(const InodePtr& inode, std::optional<uint64_t> offset,
                         std::string_view bytes);

    // Uploads a dirty file; nothing to do for others. Takes the key's turn. Waits for a rename of a
    // directory above it that is about to end, unless a rename waits for it.
    Result<void> upload(const InodePtr& inode,
                        DirectoryMoves::Haste haste = DirectoryMoves::Haste::none);
    // The same for a caller that holds the turn of `key`. An error may be of the object's metadata
    // alone: then the file is not dirty any more.
    Result<void> upload_in_turn(const InodePtr& inode, const ObjectKey& key);
    // All dirty files below a prefix that no handle is open for (`open_too`: those as well); the
    // first error, after trying all.
    Result<void> upload_below(const std::string& prefix, bool open_too);
    // Files that were made without being opened and have waited long enough.
    void upload_due();
    // Earliest time at which upload_due() has something to do.
    TimePoint next_due() const;
    void set_due(const InodePtr& inode, TimePoint at);
    // A file that was made here may take the place of an object of its name; or never may, until
    // it is let to.
    void let_replace(const InodePtr& inode);
    void forbid_replacing(const InodePtr& inode);

    // The object is about to be deleted or replaced: what open handles read must stay readable.
    void keep_for_handles(const InodePtr& inode);

    // A file that is deleted or replaced and not open: nothing of it is uploaded any more.
    void discard(const InodePtr& inode);

    // Errors: stale (Inode::leads_nowhere()).
    Result<void> add_handle(const InodePtr& inode);
    // Drops the local state after the last handle. Content that could not be uploaded goes to the
    // recovery folder.
    void drop_handle(const InodePtr& inode);
    // At the mount's end: uploads what is dirty, several files at once, and gives up what cannot
    // be. Once the service does not answer, that is everything whose upload has not begun. The
    // first error.
    Result<void> upload_last();
    // What is dirty goes to the recovery folder as it is, also where it is being uploaded. Waits
    // for no request. Returns how many files that were.
    size_t keep_unsent();

  private:
    struct Loaded {
        std::shared_ptr<FileContent> content;
        bool appendable = false;
    };
    Result<Loaded> open_base(const InodePtr& inode, bool to_append);
    // Errors: file_too_large.
    Result<void> check_size(uint64_t begin, uint64_t bytes) const;
    Result<void> fetch_all(const InodePtr& inode);
    void note_change(const InodePtr& inode, ByteRange range) REQUIRES(inode->mutex);
    void send_ahead(const InodePtr& inode) REQUIRES(inode->mutex);
    void begin_ahead(const InodePtr& inode);
    static bool is_dirty(const InodePtr& inode);
    Shift adopt(const InodePtr& inode, const Uploaded& uploaded) REQUIRES(inode->mutex);
    // Whether what a copy could not be made of is known by another ETag since.
    bool source_was_edited(const InodePtr& inode, const FileContent::Base& before);
    void mark_dirty(const InodePtr& inode) EXCLUDES(mutex_);
    void mark_clean(const InodePtr& inode) EXCLUDES(mutex_);
    std::vector<InodePtr> dirty_inodes() const EXCLUDES(mutex_);
    UploadJob make_job(const Inode& inode, const ObjectKey& key) const REQUIRES(inode.mutex);
    void rescue(const InodePtr& inode, bool open_too);
    // Once for the same content.
    void keep_content(FileState& file, const ObjectKey& key);

    Core& core_;
    Uploader uploader_;
    mutable Mutex mutex_;  // after Inode::mutex; nothing is called with it held
    std::unordered_map<uint64_t, InodePtr> dirty_ GUARDED_BY(mutex_);
};

}  // namespace xbucket
