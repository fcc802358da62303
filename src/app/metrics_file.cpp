// SPDX-FileCopyrightText: the xbucket authors
#include "metrics.h"

#include "xbucket/base/file_descriptor.h"
#include "xbucket/base/log.h"
#include "xbucket/base/sync.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace xbucket::app {
namespace {

using Stats = std::function<std::string()>;

constexpr auto kFileInterval = std::chrono::seconds(15);

class MetricsFile final : public Metrics {
  public:
    MetricsFile(std::string path, Stats stats, Clock& clock)
        : path_(std::move(path)), stats_(std::move(stats)), clock_(clock) {}
    ~MetricsFile() override {
        if (thread_.joinable()) {
            {
                LockGuard lock(mutex_);
                ending_ = true;
                ended_.notify_all();
            }
            thread_.join();
        }
        unlink(path_.c_str());
    }

    Result<void> start() {
        TRY(write());
        thread_ = std::thread([this] { run(); });
        return {};
    }

  private:
    void run() EXCLUDES(mutex_) {
        for (;;) {
            {
                LockGuard lock(mutex_);
                const TimePoint next = clock_.now() + kFileInterval;
                while (!ending_ && clock_.now() < next) ended_.wait_until(mutex_, clock_, next);
                if (ending_) return;
            }
            if (const auto written = write(); !written) {
                log_warning("app", "event=metrics_not_written reason=\"{}\"",
                            written.error().message);
            }
        }
    }

    // A reader sees the old text or the new, never a part. The collector is another user. Others
    // may write to the directory: what stands under the draft's name is never opened, since it can
    // lead anywhere.
    Result<void> write() {
        const std::string text = metrics_text(stats_()).value_or("");
        const std::string draft = path_ + ".tmp";
        unlink(draft.c_str());
        const FileDescriptor fd(
            open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
        const auto size = static_cast<ssize_t>(text.size());
        const bool good = fd.is_open() && fchmod(fd.get(), 0644) == 0 &&
                          ::write(fd.get(), text.data(), text.size()) == size &&
                          rename(draft.c_str(), path_.c_str()) == 0;
        if (good) return {};
        return fail(ErrorKind::io, fmt::format("metrics file {} cannot be written: {}", path_,
                                               std::strerror(errno)));
    }

    const std::string path_;
    const Stats stats_;
    Clock& clock_;
    Mutex mutex_;
    CondVar ended_;
    bool ending_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Metrics>> start_metrics_file(const std::string& path, Stats stats,
                                                    Clock& clock) {
    auto file = std::make_unique<MetricsFile>(path, std::move(stats), clock);
    TRY(file->start());
    return std::unique_ptr<Metrics>(std::move(file));
}

}  // namespace xbucket::app
