// SPDX-FileCopyrightText: the xbucket authors
// What to mount, as the first word of the command line says it:
//     oss://BUCKET[/PREFIX]      Alibaba Cloud OSS
//     s3://BUCKET[/PREFIX]       Amazon S3 and services that speak it
//     local:DIR[#BUCKET[/PREFIX]]   a folder of buckets on this machine, no account needed
// For local: the buckets are the folders of DIR. Where no BUCKET is named, DIR's only bucket is
// taken, and an empty or missing DIR gets one that is called "bucket".
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/store/http_store.h"

#include <string>
#include <string_view>
#include <vector>

namespace xbucket::app {

struct Source {
    DialectKind dialect = DialectKind::oss;
    bool local = false;
    std::string directory;  // local only
    std::string bucket;     // "" for local sources until resolve_local_bucket()
    std::string prefix;     // "" or ends in '/'
};

// Errors: invalid_argument with the forms that would do.
Result<Source> parse_source(std::string_view text);

// Where in "DIR#BUCKET/..." the '#' stands that a bucket follows: the last one that a bucket's name
// stands behind, as there is '#' in names of folders and of objects, too. npos: there is none.
// Pure.
size_t bucket_mark(std::string_view text);

// The bucket of a local source that names none; `folders` are DIR's buckets. Pure.
// Errors: invalid_argument (several: name one).
Result<std::string> choose_local_bucket(const Source& source,
                                        const std::vector<std::string>& folders);

}  // namespace xbucket::app
