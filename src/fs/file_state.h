// SPDX-FileCopyrightText: the xbucket authors
// What is local about one regular file: open handles, content that is not the object's any more,
// and attributes of a file that is not in the bucket yet. Shared by all handles of the inode, so
// that two of them see one dirty file. Guarded by the inode's mutex.
#pragma once

#include "staged_attributes.h"

#include "xbucket/base/clock.h"
#include "xbucket/base/types.h"
#include "xbucket/data/file_content.h"
#include "xbucket/data/reading.h"
#include "xbucket/data/uploads.h"
#include "xbucket/meta/meta_engine.h"

#include <memory>
#include <optional>

namespace xbucket {

// An upload that began while the file was still being written.
struct AheadUpload {
    std::shared_ptr<PartUpload> upload;
    UploadPlan plan;    // as it was begun
    PosixRecord posix;  // what of the plan was the file's own
};

struct FileState {
    // False: created here and never uploaded. Then content and staged are set.
    bool in_bucket = true;
    // With that: made where nothing was, and not to replace anything.
    bool must_be_new = false;
    // With O_EXCL: nothing but a rename ends that, and the service is told as well.
    bool exclusive = false;
    // Of an exclusive one: an upload that failed may have arrived, and what is there may be it.
    bool in_doubt = false;
    // Set: this content is what the file has, not the object. With reads under way.
    std::shared_ptr<FileContent> content;
    bool dirty = false;
    // Somebody loads or uploads the content: reads may go on, changes wait for Inode::changed.
    bool busy = false;
    // The last upload failed and nothing was written since.
    bool upload_failed = false;
    std::string failure;  // what the last one that failed said
    // The content, as it is, is in the recovery folder.
    bool kept = false;
    unsigned open_handles = 0;
    // What handles read objects through: the file's own, or the one that the content started from.
    std::shared_ptr<ObjectReader> reader;
    std::unique_ptr<StagedAttributes> staged;
    // Handles through which something was written that no close or fsync of theirs has sent.
    unsigned writers = 0;
    // Pages of a mapping came since the last upload: any handle's close sends them.
    bool mapped = false;
    // Why pages of a mapping are not in the content, which therefore is nothing to upload.
    std::optional<Error> pages_lost;
    // Somebody set the times since the last write.
    bool times_set = false;
    // The content started from an appendable object, and all that was written since was O_APPEND.
    bool append_only = false;
    // When a file that was made without being opened (mknod) goes up by itself.
    TimePoint upload_at = TimePoint::never();

    // The last bytes that were written in order, and their upload. With whoever finishes it.
    ByteRange run;
    std::shared_ptr<AheadUpload> ahead;
    bool ahead_wanted = false;   // it is being begun
    bool ahead_refused = false;  // that failed; the next upload tells why
};

}  // namespace xbucket
