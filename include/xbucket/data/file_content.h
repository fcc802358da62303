// SPDX-FileCopyrightText: the xbucket authors
// The content of one file that is being changed, as a map of where its bytes are: on this machine
// (a spool file), or still in the object that the file started from, its base. Nothing of the base
// is downloaded until somebody reads it or an upload needs it.
//
//   byte at or beyond what the base reaches, or written since    the spool (0 where nobody wrote)
//   other byte that was fetched                                  the spool, and the base
//   any other byte                                               the base only: missing here
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/types.h"
#include "xbucket/data/spool.h"
#include "xbucket/http/message.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// [begin, end)
struct ByteRange {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t size() const { return end - begin; }
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Thread-safe; blocks on the disk. Writers are expected to take turns with uploads: whoever sends
// parts of it either keeps writers away, or looks again whether they are still the file's.
class FileContent {
  public:
    struct Base {
        ETag etag;  // "" = nobody's object: all content is here
        uint64_t size = 0;
        // The file that it is a copy of; "" = the object that the file itself has.
        ObjectKey copied_from = {};
        uint64_t object_size = 0;  // of that file, which may go on behind `size`
        bool is_own() const { return !etag.empty() && copied_from.empty(); }
    };

    // `space` must outlive it. Errors: io, no_space.
    static Result<std::unique_ptr<FileContent>> create(SpoolSpace& space, Base base);
    virtual ~FileContent() = default;

    virtual uint64_t size() const = 0;
    virtual Base base() const = 0;

    // Bytes written, all of them unless the space ended within. Errors: no_space (nothing
    // written), file_too_large, io.
    virtual Result<size_t> write(uint64_t offset, std::string_view bytes) = 0;
    // At the end, wherever it is by then.
    virtual Result<size_t> append(std::string_view bytes) = 0;
    virtual Result<void> resize(uint64_t size) = 0;

    // Where the bytes of [offset, offset + length) are, in order, cut at the end of the file.
    struct Piece {
        ByteRange range;
        bool missing = false;  // in the base only
    };
    virtual std::vector<Piece> pieces(uint64_t offset, uint64_t length) const = 0;
    // What of a range has to be fetched from the base before it can be read or sent from here.
    virtual std::vector<ByteRange> missing(ByteRange range) const = 0;
    // Whether the base has these bytes as the file has them, so that the service can copy them.
    virtual bool is_unchanged(ByteRange range) const = 0;
    // Whether the base as a whole is what the file begins with: nothing of it was changed or cut.
    virtual bool only_grew() const = 0;

    // What is missing reads as zeros: look at pieces() first. Fewer bytes only at the end.
    virtual Result<std::string> read(uint64_t offset, size_t bytes) const = 0;
    // Bytes of the base; those that are not missing any more stay as they are.
    virtual Result<void> fill(uint64_t offset, std::string_view bytes) = 0;
    // A request's body, to be used as often and as long as wanted; it gives what is there when it
    // is read.
    virtual std::shared_ptr<BodySource> body(ByteRange range) const = 0;
    // Of everything, which must be here. Hex, as services make ETags of single PUTs.
    virtual Result<std::string> md5_hex() const = 0;
    virtual Result<uint64_t> crc64() const = 0;

    // More of the file that this one is an unchanged copy of, up to `size`; false where it is not.
    virtual bool extend_copy(const Base& from, uint64_t size) = 0;
    // The base's content goes by another ETag now (an edit of its metadata).
    virtual void rename_base(const ETag& etag) = 0;
    // An object has exactly this content now: it is the base from here on.
    virtual void uploaded(const ETag& etag) = 0;

    // Gives the content a name in the recovery folder. Ranges that are missing are named in the
    // note. Errors: io, no_space: there is nothing.
    virtual Result<KeptContent> keep(const RecoveryNote& note) const = 0;
};

}  // namespace xbucket
