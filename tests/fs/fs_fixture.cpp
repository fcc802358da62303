// SPDX-FileCopyrightText: the xbucket authors
#include "fs_fixture.h"

#include "xbucket/base/log.h"

#include <cstdlib>
#include <random>
#include <sys/stat.h>

namespace xbucket {

void RecordingNotifier::invalidate_entry(InodeNumber, const std::string& name) {
    LockGuard lock(mutex_);
    entries_.push_back(name);
}

bool RecordingNotifier::invalidate_inode(InodeNumber ino, bool data_too) {
    LockGuard lock(mutex_);
    inodes_.emplace_back(ino, data_too);
    return !full_;
}

bool RecordingNotifier::wait_until_told(Duration) {
    LockGuard lock(mutex_);
    waited_for_ = inodes_.size();
    return !slow_;
}

size_t RecordingNotifier::waited_for() const {
    LockGuard lock(mutex_);
    return waited_for_;
}

std::vector<std::string> RecordingNotifier::entries() const {
    LockGuard lock(mutex_);
    return entries_;
}

size_t RecordingNotifier::inodes_with_data() const {
    LockGuard lock(mutex_);
    return static_cast<size_t>(std::count_if(inodes_.begin(), inodes_.end(),
                                             [](const auto& told) { return told.second; }));
}

std::vector<std::pair<InodeNumber, bool>> RecordingNotifier::inodes() const {
    LockGuard lock(mutex_);
    return inodes_;
}

std::string content_of(size_t bytes, unsigned salt) {
    std::string content(bytes, '\0');
    std::mt19937 random(salt);
    for (char& c : content) c = static_cast<char>(random());
    return content;
}

FsTest::FsTest(const testing::MemoryService& service)
    : store_(service, clock_), other_(store_.bucket()) {
    set_log_level(LogLevel::off);
    std::string spool = (std::filesystem::temp_directory_path() / "xbucket-fs-XXXXXX").string();
    config_.spool_directory = mkdtemp(spool.data());
    config_.uid = kUser.uid;
    config_.gid = kUser.gid;
    config_.mount_time = clock_.wall_now();
    mount();
}

FsTest::~FsTest() {
    unmount();
    std::filesystem::remove_all(config_.spool_directory);
}

void FsTest::mount() { mount(config_); }

void FsTest::mount(const FsConfig& config, const MetaConfig& meta_config) {
    unmount();
    MetaConfig with_seed = meta_config;
    with_seed.seed = 1;
    auto meta = make_meta_engine(with_seed, faulty_, clock_);
    ASSERT_TRUE(meta.has_value()) << meta.error().describe();
    meta_ = std::move(*meta);
    auto fs = make_filesystem(config, *meta_, faulty_, clock_);
    ASSERT_TRUE(fs.has_value()) << fs.error().describe();
    fs_ = std::move(*fs);
    fs_->set_notifier(&notifier_);
    store_.clear_log();
}

void FsTest::unmount() {
    if (fs_) (void)fs_->shutdown();
    fs_.reset();
    if (meta_) (void)meta_->shutdown();
    meta_.reset();
}

void FsTest::go_down() {
    ASSERT_TRUE(fs_->shutdown());
    ASSERT_TRUE(meta_->send_below(""));
}

Result<Entry> FsTest::look_up(const std::string& path) {
    InodeNumber at = kRootInode;
    Entry entry;
    entry.attr = TRY(fs_->getattr(kRootInode, std::nullopt));
    size_t from = 0;
    while (from < path.size()) {
        const size_t slash = std::min(path.find('/', from), path.size());
        const std::string name = path.substr(from, slash - from);
        entry = TRY(fs_->lookup(at, name));
        at = entry.attr.ino;
        from = slash + 1;
    }
    return entry;
}

InodeNumber FsTest::ino(const std::string& path) {
    const Result<Entry> entry = look_up(path);
    EXPECT_TRUE(entry.has_value()) << path << ": " << entry.error().describe();
    return entry ? entry->attr.ino : InodeNumber{0};
}

InodeNumber FsTest::parent_of(const std::string& path, std::string* name) {
    const size_t slash = path.rfind('/');
    *name = slash == std::string::npos ? path : path.substr(slash + 1);
    return slash == std::string::npos ? kRootInode : ino(path.substr(0, slash));
}

Result<Attr> FsTest::stat(const std::string& path) {
    const Entry entry = TRY(look_up(path));
    return fs_->getattr(entry.attr.ino, std::nullopt);
}

Result<std::vector<std::string>> FsTest::names_in(const std::string& path) {
    const InodeNumber directory = TRY(look_up(path)).attr.ino;
    const Opened opened = TRY(fs_->opendir(directory));
    std::vector<std::string> names;
    uint64_t offset = 0;
    for (bool more = true; more;) {
        more = false;
        size_t room = 7;  // entries that fit one reply, so that replies end within pages
        TRY(fs_->readdir(directory, opened.handle, offset, false, [&](const DirEntry& entry) {
            if (room-- == 0) return false;
            more = true;
            offset = entry.next_offset;
            if (entry.name == "." || entry.name == "..") return true;
            names.push_back(entry.name + (S_ISDIR(entry.entry.attr.mode) ? "/" : ""));
            return true;
        }));
    }
    fs_->releasedir(opened.handle);
    return names;
}

Result<FileSystem::Created> FsTest::create(const std::string& path, bool exclusive, uint32_t mode) {
    std::string name;
    const InodeNumber parent = parent_of(path, &name);
    return fs_->create(parent, name, mode, exclusive, {.write = true}, kUser);
}

Result<Opened> FsTest::open(const std::string& path, const FileSystem::OpenFlags& flags) {
    const Entry entry = TRY(look_up(path));
    return fs_->open(entry.attr.ino, flags);
}

Result<std::string> FsTest::read_file(const std::string& path) {
    const InodeNumber number = TRY(look_up(path)).attr.ino;
    const Opened opened = TRY(fs_->open(number, {}));
    std::string all;
    for (;;) {
        const Result<std::string> piece = fs_->read(number, opened.handle, all.size(), 128U << 10);
        if (!piece || piece->empty()) {
            fs_->release(number, opened.handle);
            if (!piece) return piece.error();
            return all;
        }
        all += *piece;
    }
}

Result<void> FsTest::write_file(const std::string& path, const std::string& content) {
    Result<Entry> there = look_up(path);
    InodeNumber number{};
    Opened opened;
    if (there) {
        number = there->attr.ino;
        opened = TRY(fs_->open(number, {.write = true, .truncate = true}));
    } else {
        const FileSystem::Created created = TRY(create(path));
        number = created.entry.attr.ino;
        opened = created.opened;
    }
    const Result<size_t> written = fs_->write(number, opened.handle, 0, content);
    Result<void> closed = close(number, opened.handle);
    if (!written) return written.error();
    return closed;
}

Result<void> FsTest::append_file(const std::string& path, const std::string& content) {
    const InodeNumber number = TRY(look_up(path)).attr.ino;
    const Opened opened = TRY(fs_->open(number, {.write = true, .append = true}));
    TRY(fs_->flush(number, opened.handle));  // the shell's dup2 before the first write
    TRY(fs_->write(number, opened.handle, std::nullopt, content));
    return close(number, opened.handle);
}

Result<void> FsTest::close(InodeNumber number, HandleId handle) {
    Result<void> flushed = fs_->flush(number, handle);
    fs_->release(number, handle);
    return flushed;
}

Result<void> FsTest::rename(const std::string& from, const std::string& to, bool no_replace) {
    std::string old_name;
    std::string new_name;
    const InodeNumber old_parent = parent_of(from, &old_name);
    const InodeNumber new_parent = parent_of(to, &new_name);
    // A kernel looks up both names before it asks.
    (void)fs_->lookup(old_parent, old_name);
    (void)fs_->lookup(new_parent, new_name);
    return fs_->rename(old_parent, old_name, new_parent, new_name, no_replace);
}

Result<void> FsTest::unlink(const std::string& path) {
    std::string name;
    const InodeNumber parent = parent_of(path, &name);
    TRY(fs_->lookup(parent, name));
    return fs_->unlink(parent, name);
}

Result<void> FsTest::rmdir(const std::string& path) {
    std::string name;
    const InodeNumber parent = parent_of(path, &name);
    TRY(fs_->lookup(parent, name));
    return fs_->rmdir(parent, name);
}

Result<Entry> FsTest::mkdir(const std::string& path, uint32_t mode) {
    std::string name;
    const InodeNumber parent = parent_of(path, &name);
    return fs_->mkdir(parent, name, mode, kUser);
}

Result<Entry> FsTest::symlink(const std::string& path, const std::string& target) {
    std::string name;
    const InodeNumber parent = parent_of(path, &name);
    return fs_->symlink(parent, name, target, kUser);
}

Result<std::string> FsTest::getxattr(const std::string& path, const std::string& name) {
    return fs_->getxattr(TRY(look_up(path)).attr.ino, name, kUser);
}

Result<void> FsTest::setxattr(const std::string& path, const std::string& name,
                              const std::string& value, SetFlag flag) {
    return fs_->setxattr(TRY(look_up(path)).attr.ino, name, value, flag);
}

Result<std::vector<std::string>> FsTest::listxattr(const std::string& path) {
    return fs_->listxattr(TRY(look_up(path)).attr.ino);
}

Result<void> FsTest::touch(const std::string& path, WallTime mtime) {
    SetAttr change;
    change.atime = change.mtime = mtime;
    TRY(fs_->setattr(TRY(look_up(path)).attr.ino, change, std::nullopt));
    return {};
}

Result<void> FsTest::chmod(const std::string& path, uint32_t mode) {
    SetAttr change;
    change.mode = mode;
    TRY(fs_->setattr(TRY(look_up(path)).attr.ino, change, std::nullopt));
    return {};
}

void FsTest::put(const std::string& key, const std::string& body,
                 const ObjectAttributes& attributes) {
    const auto reply = testing::put_object(other_, key, body, attributes);
    ASSERT_TRUE(reply.has_value()) << reply.error().describe();
}

bool FsTest::in_bucket(const std::string& key) const {
    return store_.bucket()->peek(ObjectKey(key)).has_value();
}

std::string FsTest::body_of(const std::string& key) const {
    const auto version = store_.bucket()->peek(ObjectKey(key));
    return version ? *version->body : "(no object)";
}

UserMetadata FsTest::metadata_of(const std::string& key) const {
    const auto version = store_.bucket()->peek(ObjectKey(key));
    return version ? version->attributes.user : UserMetadata{{"(no object)", ""}};
}

std::vector<std::filesystem::path> FsTest::recovered_files() const {
    std::vector<std::filesystem::path> files;
    const std::filesystem::path folder =
        std::filesystem::path(config_.spool_directory) / "recovery";
    if (!std::filesystem::exists(folder)) return files;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        files.push_back(file.path());
    }
    return files;
}

}  // namespace xbucket
