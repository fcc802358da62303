// SPDX-FileCopyrightText: the xbucket authors
#include "local_reads.h"

#include "xbucket/base/encoding.h"

namespace xbucket {

void LocalReads::read(const ReadPlacePtr& place, uint64_t offset, size_t bytes,
                      FileSystem::ReadDone done) {
    auto attempt = std::make_shared<Attempt>();
    static_cast<ReadAttempt&>(*attempt) = {place, offset, bytes, std::move(done)};
    // The spool is on a disk, for which nobody's thread is to wait.
    core_.helpers.post([this, attempt] { start(attempt); });
}

void LocalReads::start(const AttemptPtr& attempt) {
    {
        Inode& inode = *attempt->place->inode;
        LockGuard lock(inode.mutex);
        if (inode.file) attempt->content = inode.file->content;
    }
    if (!attempt->content) {
        return attempt->done(fail(ErrorKind::stale, "the file was closed during the read"));
    }
    attempt->base = attempt->content->base();
    attempt->pieces = attempt->content->pieces(attempt->offset, attempt->bytes);
    attempt->at = 0;
    attempt->got = ReadBytes();
    go_on(attempt);
}

void LocalReads::go_on(const AttemptPtr& attempt) {
    for (; attempt->at < attempt->pieces.size(); ++attempt->at) {
        const FileContent::Piece& piece = attempt->pieces[attempt->at];
        if (piece.missing) return read_base(attempt, piece.range);
        Result<std::string> text =
            attempt->content->read(piece.range.begin, static_cast<size_t>(piece.range.size()));
        if (!text) return attempt->done(std::move(text).error());
        const bool cut = text->size() != piece.range.size();
        attempt->got.append(std::move(*text));
        if (cut) break;  // truncated meanwhile
    }
    attempt->done(std::move(attempt->got));
}

void LocalReads::read_base(const AttemptPtr& attempt, ByteRange range) {
    ObjectKey key;
    std::shared_ptr<ReadStream> stream;
    {
        ReadPlace& place = *attempt->place;
        const FileContent::Base& base = attempt->base;
        LockGuard lock(place.inode->mutex);
        if (place.inode->file && !(place.inode->removed && base.is_own())) {
            key = base.copied_from.empty() ? place.inode->key : base.copied_from;
            stream = stream_of(core_, place, base.etag, base.object_size);
        }
    }
    if (!stream) return attempt->done(fail(ErrorKind::stale, "the file was deleted"));
    stream->read(key, range.begin, static_cast<size_t>(range.size()),
                 [this, attempt](Result<ReadBytes> got) {
                     if (!got) {
                         Error error = std::move(got).error();
                         if (!is_gone_or_replaced(error)) return attempt->done(std::move(error));
                         // What follows asks the service.
                         core_.helpers.post([this, attempt, error] { look_again(attempt, error); });
                         return;
                     }
                     attempt->got.append(std::move(*got));
                     ++attempt->at;
                     go_on(attempt);
                 });
}

// An upload of ours, or an edit of the metadata, may have given the base another name.
void LocalReads::look_again(const AttemptPtr& attempt, Error error) {
    const InodePtr& inode = attempt->place->inode;
    const ObjectKey& source = attempt->base.copied_from;
    core_.wait_for_changes(source.empty() ? inode->current_key() : source);
    const bool renamed = attempt->content->base().etag != attempt->base.etag;
    if (renamed && attempt->number < ReadAttempt::kMax) {
        ++attempt->number;
        return start(attempt);
    }
    attempt->done(fail(ErrorKind::stale,
                       "'" + printable(inode->current_key().str()) +
                           "' was replaced or deleted while it was open: " + error.message));
}

}  // namespace xbucket
