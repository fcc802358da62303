// SPDX-FileCopyrightText: the xbucket authors
#include "importer.h"

#include "versions.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <vector>

namespace xbucket::local {

namespace {

constexpr size_t kFilesPerTransaction = 500;

// Whether a key names a file below the bucket's folder and nothing else: no way out of it.
bool is_plain_path(std::string_view key) {
    if (key.empty() || key.size() > 1023 || key.front() == '/' || key.back() == '/') return false;
    if (key.find('\0') != std::string_view::npos) return false;
    while (!key.empty()) {
        const size_t slash = key.find('/');
        const std::string_view part = key.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return false;
        key = slash == std::string_view::npos ? std::string_view() : key.substr(slash + 1);
    }
    return true;
}

// A file that cannot be looked at is not gone: its object's metadata is worth more than a listing
// without it.
bool is_gone(const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0) return !S_ISREG(st.st_mode);
    return errno == ENOENT || errno == ENOTDIR;
}

int64_t time_ns(const struct stat& st) {
    return static_cast<int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec;
}

}  // namespace

Result<uint64_t> Importer::scan() {
    uint64_t taken = 0;
    for (const auto& name : db_.bucket_names()) {
        std::optional<BucketState> bucket;
        {
            const auto lease = TRY(db_.reader());
            bucket = TRY(db_.bucket(*lease, name));
        }
        if (!bucket) continue;
        taken += TRY(scan_bucket(*bucket));
        TRY(forget_gone(*bucket));
    }
    return taken;
}

Result<uint64_t> Importer::scan_bucket(const BucketState& bucket) {
    namespace fs = std::filesystem;
    const fs::path root = blobs_.bucket_path(bucket.name);
    std::error_code code;
    fs::recursive_directory_iterator walk(root, fs::directory_options::skip_permission_denied,
                                          code);
    uint64_t taken = 0;
    std::vector<File> batch;
    const auto flush = [&]() -> Result<void> {
        if (batch.empty()) return {};
        auto transaction = TRY(db_.begin());
        for (const auto& file : batch) {
            if (TRY(take(*transaction, bucket, file))) ++taken;
        }
        batch.clear();
        return transaction->commit();
    };
    for (; !code && walk != fs::recursive_directory_iterator(); walk.increment(code)) {
        struct stat st {};
        if (::lstat(walk->path().c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        std::string key = walk->path().string().substr(root.string().size() + 1);
        if (!is_plain_path(key)) continue;
        batch.push_back({std::move(key), static_cast<uint64_t>(st.st_size), time_ns(st)});
        if (batch.size() == kFilesPerTransaction) TRY(flush());
    }
    TRY(flush());
    if (code) {
        log_warning("local",
                    "event=folder_not_read folder=\"{}\" reason=\"{}\" note=\"files in it are "
                    "missing from listings until they are asked for\"",
                    root.string(), code.message());
    }
    return taken;
}

// Objects whose files went while no server looked. In pages, since a folder may have millions.
Result<void> Importer::forget_gone(const BucketState& bucket) {
    std::string behind;
    for (bool more = true; more;) {
        std::vector<std::string> keys;
        {
            const auto lease = TRY(db_.reader());
            Query rows(*lease,
                       "SELECT path FROM imported WHERE bucket=? AND path>? ORDER BY path LIMIT ?");
            rows.text(bucket.name).bytes(behind).number(kFilesPerTransaction);
            while (TRY(rows.step())) keys.push_back(rows.string_at(0));
        }
        more = keys.size() == kFilesPerTransaction;
        if (more) behind = keys.back();
        const std::string root = blobs_.bucket_path(bucket.name) + "/";
        std::erase_if(keys, [&](const std::string& key) { return !is_gone(root + key); });
        if (keys.empty()) continue;
        auto transaction = TRY(db_.begin());
        for (const std::string& key : keys) TRY(drop(*transaction, bucket, key));
        TRY(transaction->commit());
    }
    return {};
}

Result<void> Importer::adopt(const BucketState& bucket, const std::string& key) {
    if (!is_plain_path(key)) return {};
    struct stat st {};
    const std::string path = blobs_.bucket_path(bucket.name) + "/" + key;
    if (is_gone(path)) return forget(bucket, key);
    if (::lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
    // Not through a symlinked folder: what it points at is not in the bucket.
    std::error_code code;
    const std::filesystem::path file(path);
    const auto real = std::filesystem::canonical(file.parent_path(), code);
    const auto root = std::filesystem::canonical(blobs_.bucket_path(bucket.name), code);
    const size_t slash = key.rfind('/');
    const auto expected = slash == std::string::npos ? root : root / key.substr(0, slash);
    if (code || real != expected) return {};
    const File found{key, static_cast<uint64_t>(st.st_size), time_ns(st)};
    {
        const auto lease = TRY(db_.reader());
        if (TRY(is_known(*lease, bucket, found))) return {};
    }
    auto transaction = TRY(db_.begin());
    TRY(take(*transaction, bucket, found));
    return transaction->commit();
}

Result<bool> Importer::is_known(Connection& c, const BucketState& bucket, const File& file) {
    Query q(c, "SELECT 1 FROM imported WHERE bucket=? AND path=? AND size=? AND mtime_ns=?");
    q.text(bucket.name).bytes(file.key).number(static_cast<int64_t>(file.size));
    return q.number(file.mtime_ns).step();
}

Result<bool> Importer::take(ObjectDb::Transaction& t, const BucketState& bucket, const File& file) {
    Connection& c = *t;
    if (TRY(is_known(c, bucket, file))) return false;
    auto existing = TRY(find_current(c, bucket.name, file.key));
    if (existing && !existing->imported()) return false;
    ObjectRecord record;
    if (existing) record = *existing;  // its metadata stays with it
    record.bucket = bucket.name;
    record.key = file.key;
    record.size = file.size;
    record.mtime = file.mtime_ns / 1'000'000'000;
    record.kind = ObjectKind::multipart;
    record.etag =
        hex_encode(md5(fmt::format("{}\n{}\n{}", file.key, file.size, file.mtime_ns))) + "-1";
    record.crc64.reset();
    record.segments = {{"", 0, file.size, file.key, file.mtime_ns}};
    TRY(put_version(t, bucket, record));
    Query remember(c, "INSERT OR REPLACE INTO imported(bucket,path,size,mtime_ns) VALUES(?,?,?,?)");
    remember.text(bucket.name).bytes(file.key).number(static_cast<int64_t>(file.size));
    TRY(remember.number(file.mtime_ns).run());
    return true;
}

Result<void> Importer::forget(const BucketState& bucket, const std::string& key) {
    const auto lease = TRY(db_.reader());
    auto seen = TRY(find_current(*lease, bucket.name, key));
    if (!seen || !seen->imported()) return {};
    auto transaction = TRY(db_.begin());
    TRY(drop(*transaction, bucket, key));
    return transaction->commit();
}

// The row that remembers the file goes, too: one that comes back is new, whatever its time.
Result<void> Importer::drop(ObjectDb::Transaction& t, const BucketState& bucket,
                            const std::string& key) {
    Connection& c = *t;
    auto record = TRY(find_current(c, bucket.name, key));
    const bool is_file = record && record->imported();
    if (is_file && blobs_.unchanged(bucket.name, record->segments.front())) return {};
    if (is_file) TRY(erase_current(c, bucket.name, key));
    Query forget(c, "DELETE FROM imported WHERE bucket=? AND path=?");
    return forget.text(bucket.name).bytes(key).run();
}

}  // namespace xbucket::local
