// SPDX-FileCopyrightText: the xbucket authors
// Telling systemd how a mount is (sd_notify(3), Type=notify), and its watchdog. The protocol is a
// datagram on the socket that NOTIFY_SOCKET names; without it every call does nothing.
#pragma once

#include "xbucket/base/environment.h"
#include "xbucket/base/sync.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace xbucket::app {

// Thread-safe.
class ServiceManager {
  public:
    explicit ServiceManager(const Environment& environment);
    ~ServiceManager();  // ends the watchdog
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    void ready(std::string_view status);
    void stopping();
    void reloading();

    // How often the watchdog wants to hear; nullopt when there is none, or it is another's.
    std::optional<Duration> watchdog() const { return watchdog_; }
    // From now on `alive` is called at half that interval, and the watchdog is told as long as it
    // says true. One that hangs tells nothing, and systemd acts.
    void keep_alive(std::function<bool()> alive) EXCLUDES(mutex_);

  private:
    void send(std::string_view text) const;
    void watch(const std::function<bool()>& alive) EXCLUDES(mutex_);

    std::string socket_;
    std::optional<Duration> watchdog_;
    SystemClock clock_;
    Mutex mutex_;
    CondVar ended_;
    bool ending_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace xbucket::app
