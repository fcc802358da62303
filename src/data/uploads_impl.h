// SPDX-FileCopyrightText: the xbucket authors
#pragma once

#include "part_grid.h"
#include "upload_log.h"

#include "xbucket/base/worker_pool.h"
#include "xbucket/data/uploads.h"

#include <deque>
#include <map>
#include <set>

namespace xbucket {

// What became of a request for bytes of the object that the content of `key` starts from: stale
// where that object is not what it was.
Error base_error(const ObjectKey& key, Error error);

// What all uploads of a mount share.
struct UploadParts {
    UploadParts(const UploadLimits& upload_limits, ObjectStore& object_store,
                const SpoolSpace& space, Clock& the_clock)
        : limits(upload_limits),
          store(object_store),
          clock(the_clock),
          log(std::make_shared<UploadLog>(space.directory(), limits.source)),
          pool("data-upload", limits.parallel) {}

    // Tells the service, and the log once the service knows of it. Blocks.
    void abort(const ObjectKey& key, const UploadId& id, UploadLog::Ticket ticket);
    Result<void> fetch(const ObjectKey& key, FileContent& content, ByteRange range);
    uint64_t part_bytes() const;

    const UploadLimits limits;
    ObjectStore& store;
    Clock& clock;
    const std::shared_ptr<UploadLog> log;  // also of the store's own uploads, which may end later
    WorkerPool pool;                       // last: its jobs use what stands above
};

class PartUploadImpl final : public PartUpload,
                             public std::enable_shared_from_this<PartUploadImpl> {
  public:
    PartUploadImpl(UploadParts& parts, ObjectKey key, UploadId id, UploadLog::Ticket ticket,
                   std::shared_ptr<FileContent> content, PartGrid grid)
        : parts_(parts),
          key_(std::move(key)),
          id_(std::move(id)),
          ticket_(ticket),
          content_(std::move(content)),
          grid_(grid) {}
    ~PartUploadImpl() override;

    const ObjectKey& key() const override { return key_; }
    void send_ahead(ByteRange written) override EXCLUDES(mutex_);
    void changed(ByteRange range) override EXCLUDES(mutex_);
    Result<void> send_rest() override EXCLUDES(mutex_);
    Result<PutReply> complete(const std::optional<ETag>& if_match) override EXCLUDES(mutex_);
    void abort() override EXCLUDES(mutex_);

  private:
    // What was sent of a cell.
    struct Cell {
        bool in_flight = false;
        bool changed = false;  // since it was sent
        std::optional<UploadPart> part;
    };
    // One request of send_rest(): a cell that is sent, or a run of cells that is copied.
    struct Task {
        unsigned number = 0;
        ByteRange range;
        bool copy = false;
    };

    void start_next() REQUIRES(mutex_);
    void send_in_background(uint64_t cell) EXCLUDES(mutex_);
    Result<UploadPart> send(unsigned number, ByteRange range);
    Result<UploadPart> run(const Task& task);
    Result<UploadPart> copy(const Task& task);
    void settle() EXCLUDES(mutex_);
    std::vector<Task> plan() EXCLUDES(mutex_);
    uint64_t whole_copy_bytes_max() const;

    UploadParts& parts_;
    const ObjectKey key_;
    const UploadId id_;
    const UploadLog::Ticket ticket_;
    const std::shared_ptr<FileContent> content_;  // with the file that it is of
    const PartGrid grid_;
    Mutex mutex_;
    CondVar idle_;
    std::map<uint64_t, Cell> cells_ GUARDED_BY(mutex_);
    std::deque<uint64_t> waiting_ GUARDED_BY(mutex_);
    unsigned in_flight_ GUARDED_BY(mutex_) = 0;
    bool over_ GUARDED_BY(mutex_) = false;
    std::vector<UploadPart> chosen_ GUARDED_BY(mutex_);  // by send_rest(), in order
};

}  // namespace xbucket
