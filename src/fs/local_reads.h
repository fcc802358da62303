// SPDX-FileCopyrightText: the xbucket authors
// Reading files that have content of their own: what is here from the disk, what is only in the
// object that they started from from there.
#pragma once

#include "object_reads.h"

namespace xbucket {

// Thread-safe.
class LocalReads {
  public:
    explicit LocalReads(Core& core) : core_(core) {}

    // See FileSystem::read(); works on a helper's thread.
    void read(const ReadPlacePtr& place, uint64_t offset, size_t bytes, FileSystem::ReadDone done);

  private:
    struct Attempt : ReadAttempt {
        std::shared_ptr<FileContent> content;
        FileContent::Base base;
        std::vector<FileContent::Piece> pieces;
        size_t at = 0;  // in pieces
        ReadBytes got;
    };
    using AttemptPtr = std::shared_ptr<Attempt>;  // handed from thread to thread

    void start(const AttemptPtr& attempt);
    void go_on(const AttemptPtr& attempt);
    void read_base(const AttemptPtr& attempt, ByteRange range);
    void look_again(const AttemptPtr& attempt, Error error);

    Core& core_;
};

}  // namespace xbucket
