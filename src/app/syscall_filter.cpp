// SPDX-FileCopyrightText: the xbucket authors
#include "syscall_filter.h"

#include "syscall_rules.h"

#include "xbucket/base/log.h"
#include "xbucket/base/signals.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <set>
#include <sys/eventfd.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define XBUCKET_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define XBUCKET_SANITIZED 1
#endif
#endif

namespace xbucket::app {
namespace {

// Where a machine's registers are known, a refused call comes to a signal handler, which can tell
// of it. Elsewhere it only fails.
#if defined(__x86_64__) || defined(__aarch64__)
constexpr uint32_t kRefuse = SCMP_ACT_TRAP;
#else
constexpr uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);
#endif

// A signal handler has no other way to its data. Set once, before the filter is on.
int refused_calls_pipe = -1;

void set_result([[maybe_unused]] void* context, [[maybe_unused]] int error) {
#if defined(__x86_64__)
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -error;
#elif defined(__aarch64__)
    static_cast<ucontext_t*>(context)->uc_mcontext.regs[0] =
        static_cast<unsigned long long>(-static_cast<long long>(error));
#endif
}

void on_refused_call(int, siginfo_t* info, void* context) {
    constexpr int kBySeccomp = 1;  // SYS_SECCOMP
    if (info->si_code != kBySeccomp) return;
    const int before = errno;
    const int number = info->si_syscall;
    // A full pipe means that there is enough to report.
    if (write(refused_calls_pipe, &number, sizeof number) < 0) errno = before;
    set_result(context, EPERM);
    errno = before;
}

std::string name_of_call(int number) {
    char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    std::string text = name != nullptr ? name : fmt::format("number {}", number);
    std::free(name);
    return text;
}

Error no_filter(std::string_view what, int error) {
    return fail(ErrorKind::unsupported, fmt::format("{}: {}", what, std::strerror(error)));
}

Result<void> load_rules() {
    const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(kRefuse),
                                                                   &seccomp_release);
    if (!filter) return no_filter("the filter of system calls cannot be made", ENOMEM);
    int done = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    // The most frequent calls are found by halving, not by walking through two hundred.
    if (done == 0) (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (done == 0) done = add_syscall_rules(filter.get());
    if (done == 0) done = seccomp_load(filter.get());
    if (done == 0) return {};
    return no_filter("the filter of system calls cannot be put on here", -done);
}

}  // namespace

bool SyscallFilter::is_possible() {
#ifdef XBUCKET_SANITIZED
    return false;
#else
    return true;
#endif
}

Result<std::unique_ptr<SyscallFilter>> SyscallFilter::load() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return no_filter("no pipe", errno);
    const int end = eventfd(0, EFD_CLOEXEC);
    if (end < 0) {
        const int error = errno;
        close(ends[0]);
        close(ends[1]);
        return no_filter("no eventfd", error);
    }
    // The write end stays open: a handler may run at any time.
    refused_calls_pipe = ends[1];
    struct sigaction action {};
    action.sa_sigaction = &on_refused_call;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
    sigaction(SIGSYS, &action, nullptr);
    std::unique_ptr<SyscallFilter> filter(new SyscallFilter(ends[0], end));
    TRY(load_rules());
    return filter;
}

SyscallFilter::SyscallFilter(int refused_calls, int end)
    : refused_calls_(refused_calls), end_(end) {
    const SignalsBlocked blocked;
    reporter_ = std::thread([this] { report(); });
}

SyscallFilter::~SyscallFilter() {
    const uint64_t one = 1;
    while (write(end_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    reporter_.join();
    close(end_);
    close(refused_calls_);
}

void SyscallFilter::report() const {
    std::set<int> told;
    for (;;) {
        std::array<pollfd, 2> waits{pollfd{.fd = refused_calls_, .events = POLLIN, .revents = 0},
                                    pollfd{.fd = end_, .events = POLLIN, .revents = 0}};
        if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
        int number = 0;
        while (read(refused_calls_, &number, sizeof number) == sizeof number) {
            if (!told.insert(number).second) continue;
            log_error("app",
                      "event=syscall_refused call=\"{}\" errno={} note=\"no mount should need it: "
                      "somebody may be trying to take this one over; if not, report it, and mount "
                      "with --syscall-filter=no meanwhile\"",
                      name_of_call(number), EPERM);
        }
        if (waits[1].revents != 0) return;
    }
}

}  // namespace xbucket::app
