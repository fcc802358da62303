// SPDX-FileCopyrightText: the xbucket authors
// The content of one file on its way. Sparse: what was never written reads as zeros.
#pragma once

#include "spool_places.h"

#include "xbucket/data/file_content.h"
#include "xbucket/data/spool.h"

#include <functional>

namespace xbucket {

// Writes and resizes are externally locked; reads may run beside them.
class SpoolFile {
  public:
    explicit SpoolFile(const SpoolSpace& space) : places_(std::make_shared<SpoolPlaces>(space)) {}

    // As SpoolPlaces'.
    Result<void> prepare() { return places_->prepare(); }
    Result<size_t> write(uint64_t offset, std::string_view bytes) {
        return places_->write(offset, bytes);
    }
    Result<void> resize(uint64_t size) { return places_->resize(size); }
    // Fewer bytes than asked only at the end.
    Result<std::string> read(uint64_t offset, size_t bytes) const;
    std::shared_ptr<BodySource> body(ByteRange range) const;
    // Calls `each` with [0, size), piece by piece.
    Result<void> visit(uint64_t size, const std::function<void(std::string_view)>& each) const;
    // Gives it a name in `directory`/recovery, with a note beside it that is told what is wrong
    // with the content. Errors: io, no_space: there is nothing.
    using NoteText = std::function<std::string(const std::string& damage)>;
    Result<KeptContent> keep(const std::string& directory, WallTime time,
                             const NoteText& note) const;

  private:
    Result<KeptContent> keep_in(const std::string& folder, WallTime time,
                                const NoteText& note) const;

    const std::shared_ptr<SpoolPlaces> places_;  // with the bodies that read from it
};

// Proves that `directory`, made if need be, takes files. Errors: io.
Result<void> prepare_spool_directory(const std::string& directory);

}  // namespace xbucket
