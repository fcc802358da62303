// SPDX-FileCopyrightText: the xbucket authors
// Bytes of objects as files under random names. A blob is never changed once it is published;
// each is referenced by exactly one record (copies are hard links of their own).
//
// Crash safety. A body is written to this process's own tmp folder, which it holds by flock. A
// blob is published by link(tmp, blobs/..) before the database transaction that refers to it, and
// the tmp name goes after the commit. So whatever a killed server leaves has a name in a tmp
// folder that nobody holds: recover() asks the database about each and removes the unreferenced.
// The other direction (bytes no longer referenced) is the database's garbage table.
#pragma once

#include "object_record.h"
#include "reply.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace xbucket::local {

// A body being received or put together. Confined to one thread at a time; its file is removed
// with it unless it was published and kept.
class Incoming {
  public:
    ~Incoming();
    Incoming(const Incoming&) = delete;
    Incoming& operator=(const Incoming&) = delete;

    Result<void> append(std::string_view bytes);
    // What was appended so far.
    uint64_t size() const { return size_; }
    uint64_t crc64() const { return crc64_; }
    // Raw MD5; ends appending.
    const std::string& md5();
    const std::string& id() const { return id_; }
    Segment segment() const { return {id_, 0, size_, {}, 0}; }

  private:
    friend class BlobStore;
    Incoming(std::string id, std::string tmp_path, std::string blob_path, FileDescriptor fd);

    const std::string id_;
    const std::string tmp_path_;
    const std::string blob_path_;
    FileDescriptor fd_;
    bool published_ = false;
    bool kept_ = false;
    uint64_t size_ = 0;
    uint64_t crc64_ = 0;
    Hasher md5_;
    std::string md5_result_;
};

// Thread-safe.
class BlobStore {
  public:
    // `directory` is DIR. Makes DIR/.xbucket/{blobs,tmp} and this process's tmp folder.
    static Result<std::unique_ptr<BlobStore>> open(const std::string& directory);
    ~BlobStore();

    Result<std::unique_ptr<Incoming>> create() const;
    // Makes the blob's final name; before the transaction that refers to it commits.
    Result<void> publish(Incoming& incoming) const;
    // After the commit: the blob stays.
    void keep(Incoming& incoming) const;

    // A blob of its own with the same bytes, by hard link, already published; a copy where the
    // segment is an imported file or links are refused. keep() it after the commit.
    Result<std::unique_ptr<Incoming>> clone(const std::string& bucket, const Segment& s) const;

    // Opens `length` bytes from `offset` of the segments. Errors: not_found when a blob is gone
    // (replaced meanwhile: look the object up again), stale when an imported file has changed.
    Result<std::vector<OpenSlice>> open_range(const std::string& bucket,
                                              const std::vector<Segment>& segments, uint64_t offset,
                                              uint64_t length) const;
    // Feeds the bytes of a range to `sink`.
    Result<void> read(const std::string& bucket, const std::vector<Segment>& segments,
                      uint64_t offset, uint64_t length,
                      const std::function<Result<void>(std::string_view)>& sink) const;

    // Whether an imported segment's file is still as it was.
    bool unchanged(const std::string& bucket, const Segment& segment) const;
    void remove(const std::string& blob) const;

    // Clears tmp folders of servers that are gone. `referenced` removes from a set of blobs those
    // that the database knows; it is called at most once, and only when there are any.
    Result<void> recover(const std::function<Result<void>(std::set<std::string>&)>& referenced);

    const std::string& directory() const { return directory_; }
    std::string database_path() const { return directory_ + "/.xbucket/meta.db"; }
    std::string bucket_path(const std::string& bucket) const { return directory_ + "/" + bucket; }

  private:
    BlobStore(std::string directory, std::string tmp, FileDescriptor lock)
        : directory_(std::move(directory)), tmp_(std::move(tmp)), lock_(std::move(lock)) {}
    std::string blob_path(const std::string& id) const;
    Result<void> copy_bytes(const std::string& bucket, const Segment& s, Incoming& into) const;

    const std::string directory_;
    const std::string tmp_;      // this process's tmp folder
    const FileDescriptor lock_;  // held exclusively as long as we live
};

}  // namespace xbucket::local
