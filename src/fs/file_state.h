// SPDX-FileCopyrightText: the xbucket authors
// What is local about one regular file: open handles, the spool that holds content not yet
// uploaded, and attributes of a file that is not in the bucket yet. Shared by all handles of the
// inode, so that two of them see one dirty file. Guarded by the inode's mutex.
#pragma once

#include "spool.h"
#include "staged_attributes.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/types.h"
#include "xbucket/data/reading.h"

#include <memory>

namespace xbucket {

struct FileState {
    // False: created here and never uploaded. Then spool and staged are set.
    bool in_bucket = true;
    // Set: this content is what the file has, not the object.
    std::unique_ptr<Spool> spool;
    bool dirty = false;
    // Somebody loads or uploads the content: reads may go on, changes wait for Inode::changed.
    bool busy = false;
    // The last upload failed and nothing was written since.
    bool upload_failed = false;
    unsigned open_handles = 0;
    // What handles read through while the content is the object's.
    std::shared_ptr<ObjectReader> reader;
    // The object whose content the spool started from; "" when none of it is in there (new and
    // truncated files). An upload that finds another ETag would undo somebody's write.
    ETag base_etag;
    std::unique_ptr<StagedAttributes> staged;
    // When a file that was made without being opened (mknod) goes up by itself.
    TimePoint upload_at = TimePoint::never();
};

}  // namespace xbucket
