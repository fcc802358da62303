// SPDX-FileCopyrightText: the xbucket authors
// Rows of multipart uploads and their parts. All run inside the caller's transaction.
#pragma once

#include "metadata.h"
#include "object_db.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xbucket::local {

struct Upload {
    std::string id;
    std::string bucket;
    std::string key;
    int64_t initiated = 0;
    NewMetadata metadata;  // what the object gets when it is completed
};

struct Part {
    unsigned number = 0;
    uint64_t size = 0;
    std::string etag;  // lower-case hex MD5
    uint64_t crc64 = 0;
    int64_t mtime = 0;
    std::vector<Segment> segments;
};

Result<void> write_upload(Connection& c, const Upload& upload);
// Only where bucket and key are the upload's.
Result<std::optional<Upload>> find_upload(Connection& c, std::string_view id,
                                          std::string_view bucket, std::string_view key);
Result<std::vector<Upload>> uploads_from(Connection& c, std::string_view bucket,
                                         std::string_view key, std::string_view id);
// Replaces a part of that number; what it held is discarded.
Result<void> write_part(ObjectDb::Transaction& t, std::string_view upload, const Part& part);
Result<std::vector<Part>> parts_of(Connection& c, std::string_view upload);
// Rows only: the caller says what becomes of the segments.
Result<void> erase_upload(Connection& c, std::string_view id);

}  // namespace xbucket::local
