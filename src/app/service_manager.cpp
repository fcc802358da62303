// SPDX-FileCopyrightText: the xbucket authors
#include "service_manager.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace xbucket::app {

ServiceManager::ServiceManager(const Environment& environment)
    : socket_(environment.first_of({"NOTIFY_SOCKET"})) {
    const auto usec = parse_u64(environment.first_of({"WATCHDOG_USEC"}));
    const std::string pid = environment.first_of({"WATCHDOG_PID"});
    const bool mine = pid.empty() || pid == fmt::format("{}", getpid());
    constexpr uint64_t kDayUsec = 86'400'000'000;
    if (usec && *usec > 0 && *usec <= kDayUsec && mine && !socket_.empty()) {
        watchdog_ = std::chrono::microseconds(*usec);
    }
}

ServiceManager::~ServiceManager() {
    if (!thread_.joinable()) return;
    {
        LockGuard lock(mutex_);
        ending_ = true;
        ended_.notify_all();
    }
    thread_.join();
}

void ServiceManager::send(std::string_view text) const {
    sockaddr_un address{};
    if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    // "@name" is a name without a file.
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    // Nobody listening is no reason to stop serving.
    (void)sendto(fd, text.data(), text.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), length);
    close(fd);
}

void ServiceManager::ready(std::string_view status) {
    send(fmt::format("READY=1\nSTATUS={}", printable(status)));
}

void ServiceManager::stopping() { send("STOPPING=1\nSTATUS=sending what is pending"); }

void ServiceManager::reloading() {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.now().since_start);
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
}

void ServiceManager::keep_alive(std::function<bool()> alive) {
    if (!watchdog_ || thread_.joinable()) return;
    thread_ = std::thread([this, alive = std::move(alive)] { watch(alive); });
}

void ServiceManager::watch(const std::function<bool()>& alive) {
    bool was_alive = true;
    for (;;) {
        const bool is_alive = alive();
        if (is_alive) send("WATCHDOG=1");
        if (was_alive && !is_alive) log_error("app", "event=mount_does_not_answer");
        was_alive = is_alive;
        LockGuard lock(mutex_);
        const TimePoint next = clock_.now() + *watchdog_ / 2;
        while (!ending_ && clock_.now() < next) ended_.wait_until(mutex_, clock_, next);
        if (ending_) return;
    }
}

}  // namespace xbucket::app
