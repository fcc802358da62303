// SPDX-FileCopyrightText: the xbucket authors
// What other processes of this machine say, with any bytes: a mount to its keeper, which has more
// rights, and the keeper to the mount; the kernel's tables of mounts and of callers; statistics of
// another mount; the log of uploads that a killed mount left.
#include "caller.h"
#include "keeper_messages.h"
#include "metrics.h"
#include "mountpoint.h"
#include "upload_log.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

using namespace xbucket;  // NOLINT

namespace {

void check_keeper(std::string_view text) {
    if (const auto request = app::parse_packet(text)) {
        const auto again = app::parse_packet(app::to_packet(*request));
        CHECK(again && again->kind == request->kind && again->command == request->command &&
              again->timeout_ms == request->timeout_ms);
    }
    (void)app::parse_reply(text);
}

void check_mounts(std::string_view text) {
    for (const app::MountEntry& mount : app::find_mounts(text, "fuse.xbucket")) {
        CHECK(mount.type == "fuse.xbucket");
    }
    (void)app::find_mount(text, "/mnt/b");
}

// In a folder as a mount leaves it; a leftover names a key that can be aborted, or is passed over.
void check_uploads(std::string_view text) {
    const std::string folder =
        (std::filesystem::temp_directory_path() / ("xbucket-fuzz-" + std::to_string(getpid())))
            .string();
    std::filesystem::create_directories(folder + "/uploads");
    std::ofstream(folder + "/uploads/mount-1", std::ios::binary) << text;
    const UploadLog log(folder, "mount");
    for (const UploadLog::Dead& dead : log.dead()) {
        for (const UploadLog::Leftover& leftover : dead.leftovers())
            CHECK(!leftover.key.str().empty());
    }
    std::filesystem::remove_all(folder);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_keeper(text);
    check_mounts(text);
    check_uploads(text);
    (void)fuse::is_dying(text);
    (void)app::metrics_text(text);
    return 0;
}
