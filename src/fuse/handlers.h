// SPDX-FileCopyrightText: the xbucket authors
// One function per kernel request: unpack, call the file system, reply. Grouped by file:
// handlers_names.cpp, handlers_dirs.cpp, handlers_files.cpp, handlers_xattrs.cpp.
#pragma once

#include "mount.h"

#include <sys/stat.h>

namespace xbucket::fuse {

void on_lookup(fuse_req_t req, fuse_ino_t parent, const char* name);
void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups);
void on_forget_multi(fuse_req_t req, size_t count, fuse_forget_data* forgets);
void on_getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file);
void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                fuse_file_info* file);
void on_readlink(fuse_req_t req, fuse_ino_t ino);
void on_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t device);
void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode);
void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name);
void on_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char* name);
void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name);
void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name);
void on_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags);

void on_opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file);
void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file);
void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset,
                    fuse_file_info* file);
void on_releasedir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file);
void on_fsyncdir(fuse_req_t req, fuse_ino_t ino, int data_only, fuse_file_info* file);
void on_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void* argument,
              fuse_file_info* file, unsigned flags, const void* in, size_t in_bytes,
              size_t out_bytes);
void on_statfs(fuse_req_t req, fuse_ino_t ino);

void on_open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file);
void on_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* file);
void on_read(fuse_req_t req, fuse_ino_t ino, size_t bytes, off_t offset, fuse_file_info* file);
void on_write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t bytes, off_t offset,
              fuse_file_info* file);
void on_copy_file_range(fuse_req_t req, fuse_ino_t from_ino, off_t from_offset,
                        fuse_file_info* from, fuse_ino_t to_ino, off_t to_offset,
                        fuse_file_info* to, size_t bytes, int flags);
void on_flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file);
void on_release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file);
void on_fsync(fuse_req_t req, fuse_ino_t ino, int data_only, fuse_file_info* file);

void on_setxattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value, size_t bytes,
                 int flags);
void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t bytes);
void on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t bytes);
void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char* name);

}  // namespace xbucket::fuse
