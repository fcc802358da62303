// SPDX-FileCopyrightText: the xbucket authors
// Mounting, the request loop, and going down in order: the loop ends, workers finish what they
// have (their replies may fall on deaf ears), the kernel's side is unmounted, the notifier stops.
#include "xbucket/fuse/session.h"

#include "loop.h"
#include "mount.h"
#include "notifier.h"
#include "operations.h"

#include "xbucket/base/log.h"
#include "xbucket/base/signals.h"
#include "xbucket/base/sync.h"

#include <fuse3/fuse_lowlevel.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/statvfs.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace xbucket {

namespace {

// argv for fuse_session_new, which keeps pointers into it only while it parses.
class Arguments {
  public:
    explicit Arguments(const SessionConfig& config) {
        std::string options = "fsname=" + escape(config.source) + ",subtype=xbucket";
        options += ",default_permissions,nosuid,nodev";
        if (config.read_only) options += ",ro";
        if (config.allow_other) options += ",allow_other";
        if (config.allow_root) options += ",allow_root";
        for (const std::string& extra : config.extra_options) options += "," + extra;
        words_ = {"xbucket", "-o", options};
        if (config.debug) words_.emplace_back("-d");
        for (std::string& word : words_) pointers_.push_back(word.data());
    }
    fuse_args get() { return FUSE_ARGS_INIT(static_cast<int>(pointers_.size()), pointers_.data()); }

  private:
    // A comma ends an option unless escaped.
    static std::string escape(const std::string& text) {
        std::string out;
        for (const char c : text) {
            if (c == ',' || c == '\\') out.push_back('\\');
            out.push_back(c);
        }
        return out;
    }
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

// "MAJOR:MINOR" of the mount, from mountinfo: asking the mount itself would be a request to us.
std::string device_of(const std::string& mountpoint) {
    std::ifstream mounts("/proc/self/mountinfo");
    std::string line;
    std::string found;
    while (std::getline(mounts, line)) {
        std::istringstream fields(line);
        std::string id, parent, device, root, point;
        fields >> id >> parent >> device >> root >> point;
        if (point == mountpoint) found = device;  // the last one mounted there is on top
    }
    return found;
}

// The kernel reads ahead 128 KiB unless told otherwise (performance.md 1b).
void raise_read_ahead(const std::string& mountpoint, unsigned kib) {
    if (kib == 0) return;
    const std::string path = "/sys/class/bdi/" + device_of(mountpoint) + "/read_ahead_kb";
    std::ofstream file(path);
    file << kib << std::flush;
    if (!file) {
        log_info("fuse",
                 "cannot set {} to {}: reads stay at the kernel's 128 KiB read-ahead (root may "
                 "write that file)",
                 path, kib);
    }
}

class Session final : public FuseSession {
  public:
    Session(const SessionConfig& config, FileSystem& fs)
        : config_(config), mount_(fs, config.workers, config.editors) {}

    ~Session() override {
        if (session_ == nullptr) return;
        mount_.fs.set_notifier(nullptr);
        unmount();
        mount_.interrupts.stop();
        if (notifier_) notifier_->stop();
        fuse_session_destroy(session_);
    }

    Result<void> start() {
        Arguments arguments(config_);
        fuse_args args = arguments.get();
        session_ = fuse_session_new(&args, &fuse::operations(), sizeof(fuse_lowlevel_ops), &mount_);
        fuse_opt_free_args(&args);
        if (session_ == nullptr) {
            return fail(ErrorKind::invalid_argument,
                        "libfuse refused the mount options; see its message above and correct -o");
        }
        if (fuse_session_mount(session_, config_.mountpoint.c_str()) != 0) {
            return fail(ErrorKind::io, "cannot mount on " + config_.mountpoint + explanation());
        }
        mounted_ = true;
        loop_ = TRY(fuse::Loop::create(session_));
        notifier_ = std::make_unique<fuse::Notifier>(session_);
        mount_.fs.set_notifier(notifier_.get());
        return {};
    }

    Result<void> run(const std::function<void()>& ready,
                     const std::function<void()>& ending) override {
        std::thread announcer = start_announcer(ready);
        std::thread stopper = start_stopper();
        const unsigned cores = std::max(2U, std::thread::hardware_concurrency());
        Result<void> served = loop_->run(config_.threads != 0 ? config_.threads : cores);
        if (ending) ending();
        set_state(State::over);
        stopper.join();
        mount_.fs.set_notifier(nullptr);
        // Nobody waits for what is still on its way to readers.
        mount_.fs.stop_reading();
        mount_.edits.drain();
        mount_.pool.drain();
        mount_.reads.wait_for_none();
        mount_.pool.drain();  // releases that waited for reads
        mount_.interrupts.stop();
        unmount();
        announcer.join();
        return served;
    }

    // The stopper's, so that whoever asks twice is heard twice.
    void stop() override { set_state(State::asked_to_stop); }

    void abandon() override { unmount(); }

  private:
    enum class State { serving, asked_to_stop, over };
    void set_state(State state) EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        if (state_ != State::over) state_ = state;
        state_changed_.notify_all();
    }

    bool is_over() EXCLUDES(mutex_) {
        LockGuard lock(mutex_);
        return state_ == State::over;
    }

    // While the loop still answers: what programs wrote to mappings is with the kernel.
    std::thread start_stopper() {
        const SignalsBlocked blocked;
        return std::thread([this] {
            {
                LockGuard lock(mutex_);
                while (state_ == State::serving) state_changed_.wait(mutex_);
                if (state_ == State::over) return;
            }
            mount_.fs.call_in_mappings(kMappingsWithin);
            finish_telling();
            loop_->stop();
        });
    }

    // The kernel writes changed pages back while it is told to forget them, and they may have to
    // wait for an upload that is under way, as everything does that goes down in order.
    void finish_telling() {
        bool said = false;
        while (!notifier_->finish_within(kMappingsWithin)) {
            if (!std::exchange(said, true)) {
                log_warning("fuse",
                            "event=still_writing_back note=\"the kernel waits for uploads under "
                            "way before it gives what programs wrote to mappings\"");
            }
            if (is_over()) return;
        }
    }

    // Says "ready" once the mount answers: statvfs returns when INIT is over and we replied.
    std::thread start_announcer(const std::function<void()>& ready) {
        const SignalsBlocked blocked;
        return std::thread([this, ready] {
            struct statvfs ignored = {};
            if (statvfs(config_.mountpoint.c_str(), &ignored) != 0) return;
            raise_read_ahead(config_.mountpoint, config_.read_ahead_kib);
            if (ready) ready();
        });
    }

    std::string explanation() const {
        if (access("/dev/fuse", R_OK | W_OK) != 0) {
            return ": /dev/fuse cannot be opened; load the fuse module, or in a container pass the "
                   "device in";
        }
        if (access(config_.mountpoint.c_str(), F_OK) != 0) {
            return errno == ENOTCONN
                       ? ": a dead mount is still there; run fusermount3 -u on it first"
                       : std::string(": ") + std::strerror(errno) + "; make the directory first";
        }
        if (config_.allow_other && geteuid() != 0) {
            return ": for allow_other an ordinary user needs user_allow_other in /etc/fuse.conf";
        }
        return ": see the message above; the directory must exist, be yours, and fusermount3 must "
               "be installed (package fuse3)";
    }

    void unmount() {
        if (!mounted_.exchange(false)) return;
        if (!config_.unmount) return fuse_session_unmount(session_);
        // As libfuse does it: not what somebody mounted there after ours was gone, and the device
        // is closed before, for the kernel may ask for something while it unmounts.
        const int device = fuse_session_fd(session_);
        pollfd asked{.fd = device, .events = 0, .revents = 0};
        const bool gone = poll(&asked, 1, 0) > 0 && (asked.revents & POLLERR) != 0;
        const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0) {
            dup3(null, device, O_CLOEXEC);  // the number stays libfuse's
            close(null);
        }
        if (gone) return;
        if (const Result<void> done = config_.unmount(); !done) {
            log_error("fuse",
                      "event=not_unmounted mountpoint=\"{}\" reason=\"{}\" note=\"run "
                      "fusermount3 -u on it\"",
                      config_.mountpoint, done.error().message);
        }
    }

    static constexpr Duration kMappingsWithin = std::chrono::seconds(10);

    const SessionConfig config_;
    Mutex mutex_;
    CondVar state_changed_;
    State state_ GUARDED_BY(mutex_) = State::serving;
    fuse::Mount mount_;
    fuse_session* session_ = nullptr;
    std::unique_ptr<fuse::Loop> loop_;
    std::unique_ptr<fuse::Notifier> notifier_;
    std::atomic<bool> mounted_{false};
};

}  // namespace

Result<std::unique_ptr<FuseSession>> make_fuse_session(const SessionConfig& config,
                                                       FileSystem& fs) {
    auto session = std::make_unique<Session>(config, fs);
    TRY(session->start());
    return std::unique_ptr<FuseSession>(std::move(session));
}

}  // namespace xbucket
