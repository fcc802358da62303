// SPDX-FileCopyrightText: the xbucket authors
// Reading small files that decide what this process does or that hold its keys (reliability.md 2,
// row 40): never through a symbolic link, never a FIFO, never somebody else's, never large.
#pragma once

#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"

#include <cstdint>
#include <ctime>
#include <string>
#include <sys/types.h>

namespace xbucket {

inline constexpr size_t kPrivateFileBytesMax = 64U << 10;

// What tells one content of a file from the next.
struct FileStamp {
    dev_t device = 0;
    ino_t inode = 0;
    int64_t size = -1;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct PrivateFile {
    std::string path;
    std::string text;
    mode_t mode = 0;
    FileStamp stamp;
};

// Errors: not_found; access_denied (not regular, a symbolic link, another's, writable by others,
// over 64 KiB) with what to do; io.
Result<PrivateFile> read_private_file(const std::string& path);
// Token files that an orchestrator writes (Kubernetes: a symbolic link into a folder that changes,
// mode 0644, root's): links are followed, others may read, nobody else may write. White space
// around the token is dropped. Errors: not_found, access_denied, io; bad_credentials when empty.
Result<Secret> read_token_file(const std::string& path);
// For files in which a secret was found: nobody but the owner may read them.
// Errors: access_denied with the chmod that helps.
Result<void> check_unreadable_by_others(const PrivateFile& file);
// The stamp now; a default one when the file cannot be looked at.
FileStamp stamp_of(const std::string& path);

}  // namespace xbucket
