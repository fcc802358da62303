// SPDX-FileCopyrightText: the xbucket authors
#include "every_thread.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <set>
#include <string>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

constexpr int kPatience_ms = 5000;

// What the handler is to do; it has no other way to it. Never destroyed: a handler may be late.
struct Task {
    std::atomic<int (*)(void*)> call{nullptr};
    std::atomic<void*> data{nullptr};
    std::atomic<int> done_event{-1};
    std::atomic<int> error{0};
};
Task task;

void on_signal(int, siginfo_t* info, void*) {
    const int before = errno;
    int (*const call)(void*) = task.call;
    if (info->si_code == SI_TKILL && call != nullptr) {
        const int error = call(task.data);
        if (error != 0) task.error = error;
        const uint64_t one = 1;
        // Nobody is left to be told if this fails; the other side's patience ends.
        if (write(task.done_event, &one, sizeof one) < 0) errno = before;
    }
    errno = before;
}

Error failed(int error) {
    return fail(ErrorKind::io,
                fmt::format("a thread cannot give up rights: {}", std::strerror(error)));
}

std::set<pid_t> threads_of_process() {
    std::set<pid_t> found;
    std::error_code error;
    for (std::filesystem::directory_iterator it("/proc/self/task", error), end; !error && it != end;
         it.increment(error)) {
        const std::string name = it->path().filename().string();
        pid_t thread = 0;
        std::from_chars(name.data(), name.data() + name.size(), thread);
        if (thread > 0) found.insert(thread);
    }
    return found;
}

// Returns when `thread` has done it, or is no more.
Result<void> ask_thread(pid_t thread) {
    if (syscall(SYS_tgkill, getpid(), thread, SIGSYS) != 0) {
        if (errno == ESRCH) return {};
        return failed(errno);
    }
    for (int waited_ms = 0; waited_ms < kPatience_ms;) {
        constexpr int kStep_ms = 100;
        pollfd done{.fd = task.done_event, .events = POLLIN, .revents = 0};
        const int ready = poll(&done, 1, kStep_ms);
        uint64_t count = 0;
        if (ready > 0 && read(task.done_event, &count, sizeof count) > 0) {
            return task.error == 0 ? Result<void>() : failed(task.error);
        }
        if (ready == 0) waited_ms += kStep_ms;
        if (syscall(SYS_tgkill, getpid(), thread, 0) != 0 && errno == ESRCH) return {};
    }
    return fail(ErrorKind::io, fmt::format("thread {} does not react", thread));
}

// A thread that is not in `done` may have started others while we looked: until two looks in a row
// find nobody new.
Result<void> ask_all() {
    std::set<pid_t> done{static_cast<pid_t>(syscall(SYS_gettid))};
    for (unsigned quiet = 0; quiet < 2;) {
        ++quiet;
        for (const pid_t thread : threads_of_process()) {
            if (!done.insert(thread).second) continue;
            quiet = 0;
            TRY(ask_thread(thread));
        }
    }
    return {};
}

}  // namespace

Result<void> in_every_thread(int (*call)(void* data), void* data) {
    if (const int error = call(data); error != 0) return failed(error);
    const int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (done < 0) return failed(errno);
    task.done_event = done;
    task.error = 0;
    task.data = data;
    task.call = call;
    struct sigaction action {};
    action.sa_sigaction = &on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    struct sigaction before {};
    sigaction(SIGSYS, &action, &before);
    Result<void> asked = ask_all();
    task.call = nullptr;
    if (asked) {
        // Otherwise a late one may still come, and must find a handler that does nothing.
        sigaction(SIGSYS, &before, nullptr);
        close(done);
    }
    return asked;
}

}  // namespace xbucket::app
