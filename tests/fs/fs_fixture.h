// SPDX-FileCopyrightText: the xbucket authors
// A file system over an in-memory bucket, used as a kernel uses it: look up, then act on numbers.
#pragma once

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/memory_store.h"

#include "xbucket/fs/filesystem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace xbucket {

// Remembers what the kernel would have been told.
class RecordingNotifier final : public KernelNotifier {
  public:
    void invalidate_entry(InodeNumber parent, const std::string& name) override;
    bool invalidate_inode(InodeNumber ino, bool data_too) override;
    bool wait_until_told(Duration) override;
    // Waits are in vain from now on, or what is to be told is dropped.
    void be_slow(bool slow = true) { slow_ = slow; }
    void be_full(bool full = true) { full_ = full; }
    // How many inodes had been told at the last wait.
    size_t waited_for() const;
    std::vector<std::string> entries() const;
    size_t inodes_with_data() const;
    // Each with whether its data was meant too.
    std::vector<std::pair<InodeNumber, bool>> inodes() const;

  private:
    std::atomic<bool> slow_{false};
    std::atomic<bool> full_{false};
    mutable Mutex mutex_;
    std::vector<std::string> entries_ GUARDED_BY(mutex_);
    std::vector<std::pair<InodeNumber, bool>> inodes_ GUARDED_BY(mutex_);
    size_t waited_for_ GUARDED_BY(mutex_) = 0;
};

// Bytes that look random, the same for the same salt.
std::string content_of(size_t bytes, unsigned salt = 0);

class FsTest : public ::testing::Test {
  protected:
    FsTest() : FsTest(testing::MemoryService::oss()) {}
    explicit FsTest(const testing::MemoryService& service);
    ~FsTest() override;

    // Makes the file system anew, as after unmounting and mounting.
    void mount();
    void mount(const FsConfig& config, const MetaConfig& meta_config = MetaConfig{});
    void unmount();
    // As the end of a mount does it: everything is sent.
    void go_down();

    // --- as a kernel would ---
    Result<Entry> look_up(const std::string& path);
    InodeNumber ino(const std::string& path);
    InodeNumber parent_of(const std::string& path, std::string* name);
    Result<Attr> stat(const std::string& path);
    // Names as readdir gives them, without "." and ".."; directories with a '/'.
    Result<std::vector<std::string>> names_in(const std::string& path);

    Result<FileSystem::Created> create(const std::string& path, bool exclusive = false,
                                       uint32_t mode = 0644);
    Result<Opened> open(const std::string& path, const FileSystem::OpenFlags& flags);
    // open, read everything, close
    Result<std::string> read_file(const std::string& path);
    // create or open with O_TRUNC, write, close
    Result<void> write_file(const std::string& path, const std::string& content);
    Result<void> append_file(const std::string& path, const std::string& content);
    Result<void> close(InodeNumber number, HandleId handle);  // flush and release
    Result<void> rename(const std::string& from, const std::string& to, bool no_replace = false);
    Result<void> unlink(const std::string& path);
    Result<void> rmdir(const std::string& path);
    Result<Entry> mkdir(const std::string& path, uint32_t mode = 0755);
    Result<Entry> symlink(const std::string& path, const std::string& target);
    Result<std::string> getxattr(const std::string& path, const std::string& name);
    Result<void> setxattr(const std::string& path, const std::string& name,
                          const std::string& value, SetFlag flag = SetFlag::any);
    Result<std::vector<std::string>> listxattr(const std::string& path);
    Result<void> touch(const std::string& path, WallTime mtime);
    Result<void> chmod(const std::string& path, uint32_t mode);

    // --- open files to act on ---
    struct OpenedFile {
        InodeNumber ino{};
        HandleId handle{};
    };
    OpenedFile open_new(const std::string& path, bool exclusive = false) {
        const auto created = create(path, exclusive);
        EXPECT_TRUE(created.has_value());
        return {created->entry.attr.ino, created->opened.handle};
    }
    OpenedFile open_old(const std::string& path, const FileSystem::OpenFlags& flags = {}) {
        const auto opened = open(path, flags);
        EXPECT_TRUE(opened.has_value());
        return {ino(path), opened->handle};
    }
    Result<size_t> write(const OpenedFile& file, uint64_t offset, const std::string& bytes) {
        return fs_->write(file.ino, file.handle, offset, bytes);
    }
    Result<size_t> append(const OpenedFile& file, const std::string& bytes) {
        return fs_->write(file.ino, file.handle, std::nullopt, bytes);
    }
    Result<std::string> read(const OpenedFile& file, uint64_t offset, size_t bytes) {
        return fs_->read(file.ino, file.handle, offset, bytes);
    }
    Result<void> flush(const OpenedFile& file) { return fs_->flush(file.ino, file.handle); }
    Result<void> close_file(const OpenedFile& file) { return close(file.ino, file.handle); }
    uint64_t size_of(const OpenedFile& file) { return fs_->getattr(file.ino, file.handle)->size; }

    // --- as another client of the bucket ---
    void put(const std::string& key, const std::string& body,
             const ObjectAttributes& attributes = {});
    bool in_bucket(const std::string& key) const;
    std::string body_of(const std::string& key) const;
    UserMetadata metadata_of(const std::string& key) const;
    size_t count(testing::StoreCall call) const { return store_.count(call); }
    std::vector<std::filesystem::path> recovered_files() const;

    static constexpr Caller kUser{1000, 1000, 022};
    testing::FakeClock clock_;
    testing::MemoryStore store_;
    testing::MemoryStore other_;  // another client of the same bucket
    testing::FaultyStore faulty_{store_};
    RecordingNotifier notifier_;
    FsConfig config_;
    std::unique_ptr<MetaEngine> meta_;
    std::unique_ptr<FileSystem> fs_;
};

}  // namespace xbucket
