// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/data/file_content.h"

#include "range_set.h"
#include "spool_file.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace xbucket {
namespace {

constexpr uint64_t kSizeMax = std::numeric_limits<int64_t>::max();

std::string attributes_text(const RecoveryNote& note) {
    std::string text;
    for (const auto& [name, value] : note.attributes) {
        text += fmt::format("{}\n    {}: {}", text.empty() ? "" : ",",
                            json_string(percent_encode(name)), json_string(percent_encode(value)));
    }
    return text;
}

std::string missing_text(const std::vector<ByteRange>& missing) {
    std::string text;
    for (const ByteRange& range : missing) {
        text += fmt::format("{}[{}, {}]", text.empty() ? "" : ", ", range.begin, range.end);
    }
    return text;
}

std::string note_text(const RecoveryNote& note, uint64_t size,
                      const std::vector<ByteRange>& missing, const std::string& damage) {
    return fmt::format(
        "{{\n  \"source\": {},\n  \"key\": {},\n  \"base_etag\": {},\n  \"bytes\": {},\n  "
        "\"time\": {},\n"
        "  \"error\": {},\n  \"damage\": {},\n  \"attributes\": {{{}}},\n  \"missing\": [{}],\n"
        "  \"about\": \"key, attribute names and values are percent-encoded; the byte ranges that "
        "are missing are still as the object with that ETag has them\"\n}}\n",
        json_string(note.source), json_string(percent_encode(note.key.str(), true)),
        json_string(note.base_etag.str()), size, json_string(format_iso8601(note.time)),
        json_string(note.error), json_string(damage), attributes_text(note), missing_text(missing));
}

class SpooledContent final : public FileContent {
  public:
    SpooledContent(SpoolSpace& space, Base base)
        : space_(space),
          file_(space),
          base_(std::move(base)),
          size_(base_.size),
          base_end_(base_.size) {}
    ~SpooledContent() override { space_.release(reserved_); }

    // A file that nothing could be written to is not opened, and not truncated.
    Result<void> prepare() { return file_.prepare(); }

    uint64_t size() const override {
        LockGuard lock(mutex_);
        return size_;
    }
    Base base() const override {
        LockGuard lock(mutex_);
        return base_;
    }

    Result<size_t> write(uint64_t offset, std::string_view bytes) override {
        LockGuard lock(mutex_);
        return write_at(offset, bytes);
    }
    Result<size_t> append(std::string_view bytes) override {
        LockGuard lock(mutex_);
        return write_at(size_, bytes);
    }
    Result<void> resize(uint64_t size) override;

    std::vector<Piece> pieces(uint64_t offset, uint64_t length) const override;
    std::vector<ByteRange> missing(ByteRange range) const override {
        LockGuard lock(mutex_);
        return missing_in(range);
    }
    bool is_unchanged(ByteRange range) const override {
        LockGuard lock(mutex_);
        return !base_.etag.empty() && range.end <= base_end_ && !changed_.overlaps(range);
    }
    bool only_grew() const override {
        LockGuard lock(mutex_);
        return !base_.etag.empty() && base_end_ == base_.size && !changed_.overlaps({0, base_end_});
    }

    Result<std::string> read(uint64_t offset, size_t bytes) const override {
        const uint64_t end = size();
        if (offset >= end) return std::string();
        return file_.read(offset, static_cast<size_t>(std::min<uint64_t>(bytes, end - offset)));
    }
    Result<void> fill(uint64_t offset, std::string_view bytes) override;
    std::shared_ptr<BodySource> body(ByteRange range) const override { return file_.body(range); }
    Result<std::string> md5_hex() const override {
        Hasher hasher(Hasher::Algorithm::md5);
        TRY(file_.visit(size(), [&](std::string_view piece) { hasher.update(piece); }));
        return hex_encode(hasher.finish());
    }
    Result<uint64_t> crc64() const override {
        uint64_t crc = 0;
        TRY(file_.visit(size(), [&](std::string_view piece) { crc = xbucket::crc64(piece, crc); }));
        return crc;
    }

    bool extend_copy(const Base& from, uint64_t size) override;
    void rename_base(const ETag& etag) override {
        LockGuard lock(mutex_);
        base_.etag = etag;
    }
    void uploaded(const ETag& etag) override {
        LockGuard lock(mutex_);
        base_ = {etag, size_, {}, size_};
        base_end_ = size_;
        changed_.clear();
    }

    Result<KeptContent> keep(const RecoveryNote& note) const override {
        LockGuard lock(mutex_);
        const uint64_t size = size_;
        const std::vector<ByteRange> missing = missing_in({0, size});
        return file_.keep(space_.directory(), note.time, [&](const std::string& damage) {
            return note_text(note, size, missing, damage);
        });
    }

  private:
    std::vector<ByteRange> missing_in(ByteRange range) const REQUIRES(mutex_) {
        return present_.gaps_in({range.begin, std::min(range.end, base_end_)});
    }
    Result<size_t> write_at(uint64_t offset, std::string_view bytes) REQUIRES(mutex_);
    Result<void> make_room(ByteRange range) REQUIRES(mutex_);

    SpoolSpace& space_;
    SpoolFile file_;
    mutable Mutex mutex_;
    Base base_ GUARDED_BY(mutex_);
    uint64_t size_ GUARDED_BY(mutex_);
    uint64_t base_end_ GUARDED_BY(mutex_);  // what of the base the file still begins with
    RangeSet present_ GUARDED_BY(mutex_);   // written or fetched
    RangeSet changed_ GUARDED_BY(mutex_);   // written since the base was taken
    uint64_t reserved_ GUARDED_BY(mutex_) = 0;
};

// Space for what of a range is not on the disk yet.
Result<void> SpooledContent::make_room(ByteRange range) {
    const uint64_t bytes = range.size() - present_.covered(range);
    if (bytes == 0) return {};
    TRY(space_.reserve(bytes));
    reserved_ += bytes;
    return {};
}

Result<size_t> SpooledContent::write_at(uint64_t offset, std::string_view bytes) {
    if (bytes.empty()) return size_t{0};
    if (offset > kSizeMax - bytes.size()) {
        return fail(ErrorKind::file_too_large, "the file would be larger than a file can be");
    }
    const ByteRange range{offset, offset + bytes.size()};
    TRY(make_room(range));
    const Result<size_t> written = file_.write(offset, bytes);
    const ByteRange done{offset, offset + (written ? *written : 0)};
    const ByteRange rest{done.end, range.end};
    if (rest.size() != 0) {
        const uint64_t unused = rest.size() - present_.covered(rest);
        space_.release(unused);
        reserved_ -= unused;
    }
    if (!written) return written.error();
    present_.add(done);
    changed_.add(done);
    size_ = std::max(size_, done.end);
    return *written;
}

Result<void> SpooledContent::resize(uint64_t size) {
    LockGuard lock(mutex_);
    if (size > kSizeMax) {
        return fail(ErrorKind::file_too_large, "the file would be larger than a file can be");
    }
    TRY(file_.resize(size));
    const ByteRange cut{size, kSizeMax};
    const uint64_t freed = present_.covered(cut);
    present_.remove(cut);
    changed_.remove(cut);
    space_.release(freed);
    reserved_ -= freed;
    base_end_ = std::min(base_end_, size);
    size_ = size;
    return {};
}

std::vector<FileContent::Piece> SpooledContent::pieces(uint64_t offset, uint64_t length) const {
    LockGuard lock(mutex_);
    std::vector<Piece> all;
    if (offset >= size_) return all;
    const ByteRange range{offset, offset + std::min(length, size_ - offset)};
    uint64_t at = range.begin;
    for (const ByteRange& gap : missing_in(range)) {
        if (gap.begin > at) all.push_back({{at, gap.begin}, false});
        all.push_back({gap, true});
        at = gap.end;
    }
    if (at < range.end) all.push_back({{at, range.end}, false});
    return all;
}

bool SpooledContent::extend_copy(const Base& from, uint64_t size) {
    LockGuard lock(mutex_);
    const bool same = !base_.copied_from.empty() && base_.copied_from == from.copied_from &&
                      base_.etag == from.etag && base_end_ == size_ && base_.size == size_ &&
                      !changed_.overlaps({0, size_});
    if (!same || size < size_ || size > base_.object_size || !file_.resize(size)) return false;
    base_.size = base_end_ = size_ = size;
    return true;
}

Result<void> SpooledContent::fill(uint64_t offset, std::string_view bytes) {
    LockGuard lock(mutex_);
    for (const ByteRange& gap : missing_in({offset, offset + bytes.size()})) {
        TRY(make_room(gap));
        std::string_view rest = bytes.substr(gap.begin - offset, gap.size());
        for (uint64_t at = gap.begin; !rest.empty();) {
            const Result<size_t> n = file_.write(at, rest);
            if (!n) {
                space_.release(rest.size());
                reserved_ -= rest.size();
                return n.error();
            }
            present_.add({at, at + *n});
            at += *n;
            rest.remove_prefix(*n);
        }
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<FileContent>> FileContent::create(SpoolSpace& space, Base base) {
    const uint64_t size = base.size;
    auto content = std::make_unique<SpooledContent>(space, std::move(base));
    TRY(content->prepare());
    TRY(content->resize(size));
    return std::unique_ptr<FileContent>(std::move(content));
}

}  // namespace xbucket
