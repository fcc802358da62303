// SPDX-FileCopyrightText: the xbucket authors
#include "interrupt.h"

#include "../streams.h"

#include <atomic>
#include <csignal>

namespace xbucket::app {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) { g_interrupted = true; }

}  // namespace

void watch_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return g_interrupted || out_failed(); }

}  // namespace xbucket::app
