// SPDX-FileCopyrightText: the xbucket authors
// The least that a mount can be: one file whose getxattr is answered from a constant, through
// libfuse's low-level API and its own loop. What a warm getxattr of xbucket is held against.
//
//     bare_fuse MOUNTPOINT [THREADS]      in the foreground, until unmounted or SIGTERM
#include <fuse3/fuse_lowlevel.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/stat.h>

namespace {

constexpr fuse_ino_t kFile = 2;
constexpr double kForever = 3600;
constexpr char kValue[] = "value of the constant";
constexpr size_t kValueBytes = sizeof kValue - 1;

struct stat attributes_of(fuse_ino_t ino) {
    struct stat attributes = {};
    attributes.st_ino = ino;
    attributes.st_mode = ino == kFile ? S_IFREG | 0644U : S_IFDIR | 0755U;
    attributes.st_nlink = 1;
    return attributes;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    if (parent != FUSE_ROOT_ID || std::strcmp(name, "file") != 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    fuse_entry_param entry = {};
    entry.ino = kFile;
    entry.attr = attributes_of(kFile);
    entry.attr_timeout = entry.entry_timeout = kForever;
    fuse_reply_entry(request, &entry);
}

void on_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
    const struct stat attributes = attributes_of(ino);
    fuse_reply_attr(request, &attributes, kForever);
}

void on_getxattr(fuse_req_t request, fuse_ino_t ino, const char* name, size_t size) {
    if (ino != kFile || std::strncmp(name, "user.", 5) != 0)
        fuse_reply_err(request, ENODATA);
    else if (size == 0)
        fuse_reply_xattr(request, kValueBytes);
    else if (size < kValueBytes)
        fuse_reply_err(request, ERANGE);
    else
        fuse_reply_buf(request, kValue, kValueBytes);
}

fuse_lowlevel_ops operations() {
    fuse_lowlevel_ops ops = {};
    ops.lookup = on_lookup;
    ops.getattr = on_getattr;
    ops.getxattr = on_getxattr;
    return ops;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: bare_fuse MOUNTPOINT [THREADS]\n");
        return 2;
    }
    std::string name = "bare_fuse";
    std::string flag = "-o";
    // What xbucket mounts with, so that the kernel does the same work for both.
    std::string options = "fsname=bare_fuse,default_permissions,nosuid,nodev";
    char* words[] = {name.data(), flag.data(), options.data()};
    fuse_args arguments = FUSE_ARGS_INIT(3, words);
    const fuse_lowlevel_ops ops = operations();
    fuse_session* session = fuse_session_new(&arguments, &ops, sizeof ops, nullptr);
    if (session == nullptr || fuse_set_signal_handlers(session) != 0 ||
        fuse_session_mount(session, argv[1]) != 0)
        return 1;
    fuse_loop_config* config = fuse_loop_cfg_create();
    const unsigned threads = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 2;
    fuse_loop_cfg_set_max_threads(config, threads);
    fuse_loop_cfg_set_idle_threads(config, threads);
    const int status = fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    fuse_opt_free_args(&arguments);
    return status < 0 ? 1 : 0;
}
