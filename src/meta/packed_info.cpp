// SPDX-FileCopyrightText: the xbucket authors
#include "packed_info.h"

#include "xbucket/base/result.h"

namespace xbucket {

namespace {

// Numbers are base 128, lowest digits first; signed ones are folded (zigzag); strings have their
// length in front.
class Writer {
  public:
    Writer() { out_.reserve(kUsualBytes); }
    void number(uint64_t n) {
        for (; n >= 0x80; n >>= 7U) out_.push_back(static_cast<char>(n | 0x80U));
        out_.push_back(static_cast<char>(n));
    }
    void signed_number(int64_t n) {
        number((static_cast<uint64_t>(n) << 1U) ^ static_cast<uint64_t>(n >> 63));
    }
    void text(std::string_view t) {
        number(t.size());
        out_.append(t);
    }
    void time(WallTime t) { signed_number(t.since_epoch.count()); }
    // Most times are whole seconds, which take five bytes instead of nine.
    void seconds(WallTime t) { signed_number(t.seconds()); }
    template <class Map>
    void pairs(const Map& map) {
        number(map.size());
        for (const auto& [name, value] : map) {
            text(name);
            text(value);
        }
    }
    // Of just the size that it needs: what is kept is many of them.
    std::string take() const { return std::string(out_); }

  private:
    static constexpr size_t kUsualBytes = 512;
    std::string out_;
};

class Reader {
  public:
    explicit Reader(std::string_view in) : in_(in) {}

    uint64_t number() {
        uint64_t n = 0;
        for (unsigned shift = 0;; shift += 7) {
            CHECK(!in_.empty() && shift < 64);
            const auto digit = static_cast<unsigned char>(in_.front());
            in_.remove_prefix(1);
            n |= static_cast<uint64_t>(digit & 0x7fU) << shift;
            if (digit < 0x80) return n;
        }
    }
    int64_t signed_number() {
        const uint64_t n = number();
        return static_cast<int64_t>(n >> 1U) ^ -static_cast<int64_t>(n & 1U);
    }
    std::string text() {
        const uint64_t size = number();
        CHECK(size <= in_.size());
        std::string t(in_.substr(0, size));
        in_.remove_prefix(size);
        return t;
    }
    WallTime time() { return WallTime{std::chrono::nanoseconds(signed_number())}; }
    WallTime seconds() { return WallTime::from_seconds(signed_number()); }
    template <class Map>
    void pairs(Map& map) {
        for (uint64_t left = number(); left != 0; --left) {
            std::string name = text();
            map.emplace_hint(map.end(), std::move(name), text());
        }
    }

  private:
    std::string_view in_;
};

// One bit for each thing that is there, in the order in which it was asked about.
class Presence {
  public:
    explicit Presence(uint64_t bits = 0) : bits_(bits) {}
    bool add(bool there) {
        if (there) bits_ |= uint64_t{1} << next_;
        ++next_;
        return there;
    }
    bool next() { return ((bits_ >> next_++) & 1U) != 0; }
    uint64_t bits() const { return bits_; }

  private:
    uint64_t bits_;
    unsigned next_ = 0;
};

void write(Writer& out, const PosixRecord& record) {
    const auto& [mode, uid, gid, mtime, atime, ctime] = record;
    Presence there;
    for (const bool set : {mode.has_value(), uid.has_value(), gid.has_value(), mtime.has_value(),
                           atime.has_value(), ctime.has_value()})
        there.add(set);
    out.number(there.bits());
    for (const auto* number : {&mode, &uid, &gid})
        if (*number) out.number(**number);
    for (const auto* time : {&mtime, &atime, &ctime})
        if (*time) out.time(**time);
}

PosixRecord read_posix(Reader& in) {
    PosixRecord record;
    auto& [mode, uid, gid, mtime, atime, ctime] = record;
    Presence there(in.number());
    for (auto* number : {&mode, &uid, &gid})
        if (there.next()) *number = static_cast<uint32_t>(in.number());
    for (auto* time : {&mtime, &atime, &ctime})
        if (there.next()) *time = in.time();
    return record;
}

void write(Writer& out, const ObjectSummary& summary) {
    const auto& [size, etag, last_modified, type, storage_class, posix] = summary;
    out.number(size);
    out.text(etag.str());
    out.seconds(last_modified);
    out.number(static_cast<uint64_t>(type));
    out.text(storage_class);
    write(out, posix);
}

ObjectSummary read_summary(Reader& in) {
    ObjectSummary summary;
    summary.size = in.number();
    summary.etag = ETag(in.text());
    summary.last_modified = in.seconds();
    summary.type = static_cast<ObjectType>(in.number());
    summary.storage_class = in.text();
    summary.posix = read_posix(in);
    return summary;
}

// The optional texts of an object's attributes, in the order in which they are written. ACL and
// tags are not among them: what HEAD says has neither (object_types.h).
template <class Attributes, class Visit>
void visit_texts(Attributes& attributes, Visit visit) {
    // A new member must be written here too: this does not compile without it.
    auto& [http, user, storage_class, sse, acl, tags, website_redirect, lock, persistent] =
        attributes;
    static_cast<void>(http);
    static_cast<void>(user);
    static_cast<void>(storage_class);
    static_cast<void>(acl);
    static_cast<void>(tags);
    static_cast<void>(persistent);
    auto& [algorithm, key_id, data_algorithm, bucket_key, customer_key] = sse;
    static_cast<void>(bucket_key);
    static_cast<void>(customer_key);
    auto& [mode, retain_until, legal_hold] = lock;
    visit(algorithm);
    visit(key_id);
    visit(data_algorithm);
    visit(website_redirect);
    visit(mode);
    visit(retain_until);
    visit(legal_hold);
}

void write(Writer& out, const ObjectAttributes& attributes) {
    Presence there;
    for (const auto& field : attributes.http) there.add(field.has_value());
    there.add(attributes.sse.bucket_key);
    there.add(attributes.sse.customer_key);
    there.add(!attributes.persistent.empty());
    visit_texts(attributes, [&](const std::string& text) { there.add(!text.empty()); });
    out.number(there.bits());
    for (const auto& field : attributes.http)
        if (field) out.text(*field);
    if (!attributes.persistent.empty()) out.pairs(attributes.persistent);
    visit_texts(attributes, [&](const std::string& text) {
        if (!text.empty()) out.text(text);
    });
    out.pairs(attributes.user);
}

void read(Reader& in, ObjectAttributes& attributes) {
    Presence there(in.number());
    for (auto& field : attributes.http)
        if (there.next()) field.emplace();  // marked; read below
    attributes.sse.bucket_key = there.next();
    attributes.sse.customer_key = there.next();
    const bool persistent = there.next();
    for (auto& field : attributes.http)
        if (field) *field = in.text();
    if (persistent) in.pairs(attributes.persistent);
    visit_texts(attributes, [&](std::string& text) {
        if (there.next()) text = in.text();
    });
    in.pairs(attributes.user);
}

}  // namespace

std::string pack(const ObjectSummary& summary) {
    Writer out;
    write(out, summary);
    return out.take();
}

std::string pack(const ObjectInfo& info) {
    // A new member must be written here too: this does not compile without it.
    // No checksum: only a GET's reply has one.
    const auto& [attributes, etag, size, last_modified, date, type, version_id, crc64, checksum,
                 restore, expiration, replication_status, tag_count, missing_metadata,
                 next_append_position, request_id] = info;
    static_cast<void>(request_id);
    Writer out;
    write(out, ObjectSummary{size, etag, last_modified, type, attributes.storage_class,
                             read_posix_record(attributes)});
    out.seconds(date);
    Presence there;
    there.add(!version_id.empty());
    there.add(crc64.has_value());
    there.add(!restore.empty());
    there.add(!expiration.empty());
    there.add(!replication_status.empty());
    there.add(tag_count.has_value());
    there.add(missing_metadata != 0);
    there.add(next_append_position.has_value());
    out.number(there.bits());
    if (!version_id.empty()) out.text(version_id.str());
    if (crc64) out.number(*crc64);
    if (!restore.empty()) out.text(restore);
    if (!expiration.empty()) out.text(expiration);
    if (!replication_status.empty()) out.text(replication_status);
    if (tag_count) out.number(*tag_count);
    if (missing_metadata != 0) out.number(missing_metadata);
    if (next_append_position) out.number(*next_append_position);
    write(out, attributes);
    return out.take();
}

ObjectInfo unpack_info(std::string_view packed) {
    Reader in(packed);
    ObjectSummary summary = read_summary(in);
    ObjectInfo info;
    info.size = summary.size;
    info.etag = std::move(summary.etag);
    info.last_modified = summary.last_modified;
    info.type = summary.type;
    info.attributes.storage_class = std::move(summary.storage_class);
    info.date = in.seconds();
    Presence there(in.number());
    if (there.next()) info.version_id = VersionId(in.text());
    if (there.next()) info.crc64 = in.number();
    if (there.next()) info.restore = in.text();
    if (there.next()) info.expiration = in.text();
    if (there.next()) info.replication_status = in.text();
    if (there.next()) info.tag_count = static_cast<unsigned>(in.number());
    if (there.next()) info.missing_metadata = static_cast<unsigned>(in.number());
    if (there.next()) info.next_append_position = in.number();
    read(in, info.attributes);
    return info;
}

ObjectSummary unpack_summary(std::string_view packed) {
    Reader in(packed);
    return read_summary(in);
}

}  // namespace xbucket
