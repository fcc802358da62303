// SPDX-FileCopyrightText: the xbucket authors
#include "signals.h"

#include <csignal>
#include <pthread.h>

namespace xbucket::app {
namespace {

// Ends the thread itself. Nobody else sends it, and it is blocked everywhere.
constexpr int kQuitThread = SIGUSR2;

sigset_t watched_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, kQuitThread}) sigaddset(&set, signal);
    return set;
}

void watch(const SignalThread::Actions& actions) {
    const sigset_t set = watched_signals();
    bool ending = false;
    for (;;) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0) continue;
        if (signal == kQuitThread) return;
        if (signal == SIGHUP) {
            actions.hang_up();
        } else if (!ending) {
            ending = true;
            actions.end();
        } else {
            actions.end_again();
        }
    }
}

}  // namespace

SignalThread::SignalThread() {
    const sigset_t set = watched_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::~SignalThread() {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(), kQuitThread);
    thread_.join();
}

void SignalThread::start(Actions actions) {
    thread_ = std::thread([actions = std::move(actions)] { watch(actions); });
}

}  // namespace xbucket::app
