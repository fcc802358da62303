// SPDX-FileCopyrightText: the xbucket authors
// Files into the bucket in parts: while they are written, and what is left when they are closed.
// Knows keys and content; what metadata an object gets is the caller's.
//
//   auto uploads = make_uploads({}, store, spool, clock);        // one for a mount
//   auto upload = uploads->begin(key, attributes, content);      // one for a version of an object
//   upload->send_ahead(written); upload->changed(range);         // as the program writes
//   upload->send_rest(); upload->complete(if_match);             // under the key's turn
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/data/file_content.h"
#include "xbucket/store/object_store.h"

#include <memory>
#include <string>

namespace xbucket {

struct UploadLimits {
    // Of one part; more where the service wants more, or where the file needs it to be sent in as
    // many parts as a service takes.
    uint64_t part_bytes = 16U << 20;
    unsigned parallel_per_file = 4;
    unsigned parallel = 16;  // parts of all files at once
    // Tells mounts that share a spool directory apart by what they mount: leftovers of others are
    // not touched.
    std::string source;
};

// One multipart upload. Aborted in the background when it goes without being completed.
// Thread-safe, but for send_rest() and what follows, during which the content must not change.
class PartUpload {
  public:
    virtual ~PartUpload() = default;
    virtual const ObjectKey& key() const = 0;

    // `written` is a run of bytes that a program wrote in order: parts wholly in it that were not
    // sent before go up in the background. Never blocks.
    virtual void send_ahead(ByteRange written) = 0;
    // What was sent of these bytes is not what the file has any more. Never blocks.
    virtual void changed(ByteRange range) = 0;
    // Sends every part that is not there yet as the content is now. Those that the base has
    // unchanged are copied by the service from the base, guarded by its ETag. Blocks.
    // Errors: stale (the base was replaced), no_space (the spool), file_too_large, upload_part()'s.
    virtual Result<void> send_rest() = 0;
    // Errors: complete_upload()'s; checksum_mismatch where the service tells another CRC64 than
    // what was sent has. not_found (no such upload) leaves the outcome unknown.
    virtual Result<PutReply> complete(const std::optional<ETag>& if_match) = 0;
    // Blocks. The upload cannot be used after it.
    virtual void abort() = 0;
};

// Thread-safe.
class Uploads {
  public:
    // Waits for aborts that are under way.
    virtual ~Uploads() = default;

    // Whether content of this size is better sent in parts than by one PUT.
    virtual bool in_parts(uint64_t bytes) const = 0;
    // Whether it may become so large that sending can begin while it is written.
    virtual bool worth_sending_ahead(uint64_t bytes) const = 0;

    // For content whose size is known (`growing` false), or that is still being written. Blocks.
    // Errors: file_too_large, create_upload()'s.
    virtual Result<std::shared_ptr<PartUpload>> begin(const ObjectKey& key,
                                                      const ObjectAttributes& attributes,
                                                      std::shared_ptr<FileContent> content,
                                                      bool growing) = 0;
    // Downloads what is missing of a range of the content, from `key`. Blocks.
    // Errors: stale (the base was replaced or deleted), no_space, get()'s.
    virtual Result<void> fetch(const ObjectKey& key, FileContent& content, ByteRange range) = 0;

    // Aborts in the background what mounts of the same source left when they were killed, uploads
    // that the store began for a copy included.
    virtual void abort_leftovers() = 0;
};

// References must outlive it.
std::unique_ptr<Uploads> make_uploads(const UploadLimits& limits, ObjectStore& store,
                                      SpoolSpace& space, Clock& clock);

}  // namespace xbucket
