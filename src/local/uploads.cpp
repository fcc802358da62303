// SPDX-FileCopyrightText: the xbucket authors
#include "uploads.h"

namespace xbucket::local {

namespace {

#define XB_UPLOAD_COLUMNS "id, bucket, key, initiated, class, acl, tags, attributes"

Upload upload_from(const Query& q) {
    Upload u;
    u.id = q.string_at(0);
    u.bucket = q.string_at(1);
    u.key = q.string_at(2);
    u.initiated = q.int_at(3);
    u.metadata.storage_class = q.string_at(4);
    u.metadata.acl = q.string_at(5);
    u.metadata.tags = q.string_at(6);
    u.metadata.attributes = Attributes::parse(q.bytes_at(7));
    return u;
}

}  // namespace

Result<void> write_upload(Connection& c, const Upload& u) {
    const std::string attributes = u.metadata.attributes.serialize();
    Query q(c, "INSERT INTO uploads(" XB_UPLOAD_COLUMNS ") VALUES(?,?,?,?,?,?,?,?)");
    q.text(u.id).text(u.bucket).bytes(u.key).number(u.initiated).text(u.metadata.storage_class);
    return q.text(u.metadata.acl).text(u.metadata.tags).bytes(attributes).run();
}

Result<std::optional<Upload>> find_upload(Connection& c, std::string_view id,
                                          std::string_view bucket, std::string_view key) {
    Query q(c, "SELECT " XB_UPLOAD_COLUMNS " FROM uploads WHERE id=? AND bucket=? AND key=?");
    if (!TRY(q.text(id).text(bucket).bytes(key).step())) return std::optional<Upload>();
    return std::optional<Upload>(upload_from(q));
}

Result<std::vector<Upload>> uploads_from(Connection& c, std::string_view bucket,
                                         std::string_view key, std::string_view id) {
    Query q(c, "SELECT " XB_UPLOAD_COLUMNS
               " FROM uploads WHERE bucket=?1 AND (key>?2 OR (key=?2 AND id>?3)) ORDER BY key, id");
    q.text(bucket).bytes(key).text(id);
    std::vector<Upload> found;
    while (TRY(q.step())) found.push_back(upload_from(q));
    return found;
}

Result<void> write_part(ObjectDb::Transaction& t, std::string_view upload, const Part& part) {
    Connection& c = *t;
    {
        Query old(c, "SELECT segments FROM parts WHERE upload=? AND number=?");
        if (TRY(old.text(upload).number(part.number).step())) {
            TRY(t.discard(parse_segments(old.bytes_at(0))));
        }
    }
    const std::string segments = serialize_segments(part.segments);
    Query q(c,
            "INSERT OR REPLACE INTO parts(upload,number,size,etag,crc,mtime,segments) "
            "VALUES(?,?,?,?,?,?,?)");
    q.text(upload).number(part.number).number(static_cast<int64_t>(part.size)).text(part.etag);
    return q.number(static_cast<int64_t>(part.crc64)).number(part.mtime).text(segments).run();
}

Result<std::vector<Part>> parts_of(Connection& c, std::string_view upload) {
    Query q(c,
            "SELECT number,size,etag,crc,mtime,segments FROM parts WHERE upload=? "
            "ORDER BY number");
    q.text(upload);
    std::vector<Part> parts;
    while (TRY(q.step())) {
        Part p;
        p.number = static_cast<unsigned>(q.int_at(0));
        p.size = static_cast<uint64_t>(q.int_at(1));
        p.etag = q.string_at(2);
        p.crc64 = static_cast<uint64_t>(q.int_at(3));
        p.mtime = q.int_at(4);
        p.segments = parse_segments(q.bytes_at(5));
        parts.push_back(std::move(p));
    }
    return parts;
}

Result<void> erase_upload(Connection& c, std::string_view id) {
    Query parts(c, "DELETE FROM parts WHERE upload=?");
    TRY(parts.text(id).run());
    Query q(c, "DELETE FROM uploads WHERE id=?");
    return q.text(id).run();
}

}  // namespace xbucket::local
