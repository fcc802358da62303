// SPDX-FileCopyrightText: the xbucket authors
#include "object_reads.h"

#include "xbucket/base/encoding.h"

namespace xbucket {

std::shared_ptr<ReadStream> stream_of(Core& core, ReadPlace& place, const ETag& etag,
                                      uint64_t size) {
    std::shared_ptr<ObjectReader>& reader = place.inode->file_state().reader;
    if (!reader || reader->etag() != etag || reader->size() != size) {
        reader = core.reading->open(etag, size);
    }
    LockGuard lock(place.mutex);
    if (place.reader != reader) {
        place.reader = reader;
        place.stream = reader->stream();
    }
    return place.stream;
}

void ObjectReads::read(const ReadPlacePtr& place, uint64_t offset, size_t bytes,
                       FileSystem::ReadDone done) {
    start(std::make_shared<ReadAttempt>(ReadAttempt{place, offset, bytes, std::move(done)}));
}

// Reads what the handle read first. A handle that has read nothing yet takes the object as it is
// now, which may be newer than what the kernel was told at open.
void ObjectReads::start(const AttemptPtr& attempt) {
    ReadPlace& place = *attempt->place;
    ObjectKey key;
    uint64_t version = 0;
    bool removed = false;
    std::shared_ptr<ReadStream> stream;
    {
        LockGuard lock(place.inode->mutex);
        removed = place.inode->removed;
        key = place.inode->key;
        version = place.inode->content_version;
        const ETag etag = place.inode->shown.etag;
        const uint64_t size = place.inode->shown.size;
        stream = stream_of(core_, place, etag, size);
    }
    if (removed) return attempt->done(fail(ErrorKind::stale, "the file was deleted"));
    const uint64_t first = place.version.load();
    if (first != 0 && first != version) {
        return attempt->done(fail(ErrorKind::stale,
                                  "'" + printable(key.str()) + "' was replaced while it was open"));
    }
    stream->read(key, attempt->offset, attempt->bytes,
                 [this, attempt, version](Result<ReadBytes> got) {
                     finish(attempt, version, std::move(got));
                 });
}

void ObjectReads::finish(const AttemptPtr& attempt, uint64_t version, Result<ReadBytes> got) {
    if (got) {
        if (!got->empty()) attempt->place->version = version;
    } else if (is_gone_or_replaced(got.error())) {
        // What follows asks the service.
        core_.helpers.post([this, attempt] { look_again(attempt); });
        return;
    } else if (got.error().kind == ErrorKind::checksum_mismatch) {
        // Pages of it are with the kernel already: nobody is to find them there later.
        {
            LockGuard lock(attempt->place->inode->mutex);
            attempt->place->inode->page_etag = ETag();
        }
        core_.invalidate_inode(attempt->place->inode, true);
    }
    attempt->done(std::move(got));
}

// The same content may go by another ETag, after an edit of ours. Whether it is the same for who
// has begun to read, start() tells.
void ObjectReads::look_again(const AttemptPtr& attempt) {
    const InodePtr& inode = attempt->place->inode;
    core_.wait_for_changes(inode->current_key());
    const ObjectKey key = inode->current_key();  // one of the changes may have been a rename
    Result<ObjectStat> now = core_.meta.stat(key, Freshness::current);
    if (now) {
        core_.show(inode, *now);
    } else if (now.error().kind != ErrorKind::not_found) {
        return attempt->done(std::move(now).error());
    }
    // Whoever opens it next is told that there is none.
    if (!now) core_.drop_gone(inode, key);
    if (!now || attempt->number == ReadAttempt::kMax) {
        return attempt->done(
            fail(ErrorKind::stale,
                 "'" + printable(key.str()) + "' was deleted or replaced while it was open"));
    }
    ++attempt->number;
    start(attempt);
}

}  // namespace xbucket
