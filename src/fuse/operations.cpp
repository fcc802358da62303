// SPDX-FileCopyrightText: the xbucket authors
#include "operations.h"

#include "handlers.h"

namespace xbucket::fuse {

namespace {

void on_init(void*, fuse_conn_info* connection) {
    // A metadata edit moves Last-Modified, not content: dropping pages for a new mtime would read
    // objects again for nothing (DESIGN 4). Pages go when the size changes or when we say so.
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE |
                                               FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
                                               FUSE_CAP_SPLICE_MOVE | FUSE_CAP_POSIX_ACL);
    // libfuse passes PARALLEL_DIROPS on since 3.17; with older ones lookups in one directory, and
    // its readdir, go one at a time.
    connection->want |= connection->capable &
                        static_cast<unsigned>(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_ASYNC_READ |
                                              FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
                                              FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_IOCTL_DIR);
    connection->max_write = 1U << 20;
    // Read-ahead of all files together: a file whose reads stall must not hold up the others.
    connection->max_background = 256;
    connection->congestion_threshold = 192;
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops ops = {};
    ops.init = on_init;
    ops.lookup = on_lookup;
    ops.forget = on_forget;
    ops.forget_multi = on_forget_multi;
    ops.getattr = on_getattr;
    ops.setattr = on_setattr;
    ops.readlink = on_readlink;
    ops.mknod = on_mknod;
    ops.mkdir = on_mkdir;
    ops.symlink = on_symlink;
    ops.link = on_link;
    ops.unlink = on_unlink;
    ops.rmdir = on_rmdir;
    ops.rename = on_rename;
    ops.opendir = on_opendir;
    ops.readdir = on_readdir;
    ops.readdirplus = on_readdirplus;
    ops.releasedir = on_releasedir;
    ops.fsyncdir = on_fsyncdir;
    ops.ioctl = on_ioctl;
    ops.statfs = on_statfs;
    ops.open = on_open;
    ops.create = on_create;
    ops.read = on_read;
    ops.write = on_write;
    ops.copy_file_range = on_copy_file_range;
    ops.flush = on_flush;
    ops.release = on_release;
    ops.fsync = on_fsync;
    ops.setxattr = on_setxattr;
    ops.getxattr = on_getxattr;
    ops.listxattr = on_listxattr;
    ops.removexattr = on_removexattr;
    return ops;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
    static const fuse_lowlevel_ops ops = make_operations();
    return ops;
}

}  // namespace xbucket::fuse
