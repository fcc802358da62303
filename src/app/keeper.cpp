// SPDX-FileCopyrightText: the xbucket authors
#include "keeper.h"

#include "keeper_messages.h"

#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

Error no_keeper(int error) {
    return fail(ErrorKind::io, fmt::format("no process for credential programs and unmounting: {}",
                                           std::strerror(error)));
}

int spawn_keeper(const std::string& mountpoint, int control, pid_t& process) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    // Whoever waits for the end of our output must not wait for it, too.
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, control, kKeeperControl);
    posix_spawn_file_actions_addclosefrom_np(&actions, kKeeperControl + 1);
    std::string name(kKeeperName);
    std::string path = mountpoint;
    const std::array<char*, 3> argv{name.data(), path.data(), nullptr};
    const int error =
        posix_spawn(&process, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::start(const std::string& mountpoint) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return no_keeper(errno);
    }
    pid_t process = -1;
    const int error = spawn_keeper(mountpoint, ends[1], process);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return no_keeper(error);
    }
    return std::make_unique<Keeper>(ends[0], process);
}

Keeper::~Keeper() {
    close(control_);
    if (process_ <= 0) return;
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<Secret> Keeper::ask(std::string_view request, const ProcessLimits& limits) const {
    if (request.size() > kRequestBytesMax) {
        return fail(ErrorKind::invalid_argument,
                    "the command of the credential process is over "
                    "64 KiB long");
    }
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return no_keeper(errno);
    }
    const bool sent = send_packet(control_, request, ends[1]);
    close(ends[1]);
    std::string reply;
    reply.reserve(limits.output_max + 1);  // never moved, so that it can be wiped where it lies
    std::array<char, 4096> buffer;
    bool stopped = false;
    while (sent && reply.size() <= limits.output_max) {
        if (limits.stopped && limits.stopped()) {
            stopped = true;
            break;
        }
        pollfd waiting{.fd = ends[0], .events = POLLIN, .revents = 0};
        constexpr int kPollMs = 50;
        if (poll(&waiting, 1, kPollMs) <= 0) continue;
        const ssize_t n = read(ends[0], buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        reply.append(buffer.data(), static_cast<size_t>(n));
    }
    close(ends[0]);
    Result<Secret> result =
        stopped ? fail(ErrorKind::cancelled, "the credential process was killed at the end")
                : parse_reply(reply);
    wipe(reply);
    explicit_bzero(buffer.data(), buffer.size());
    return result;
}

Result<Secret> Keeper::run_program(const std::string& command, bool shell,
                                   const ProcessLimits& limits) const {
    const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(limits.timeout);
    const KeeperRequest request{
        .kind = shell ? KeeperRequest::Kind::shell : KeeperRequest::Kind::program,
        .timeout_ms = static_cast<uint64_t>(std::max<int64_t>(timeout.count(), 0)),
        .command = command};
    return ask(to_packet(request), limits);
}

Result<void> Keeper::unmount() const {
    TRY(ask(to_packet({.kind = KeeperRequest::Kind::unmount}), {}));
    return {};
}

void Keeper::seal() const {
    const Result<Secret> sealed = ask(to_packet({.kind = KeeperRequest::Kind::seal}), {});
    if (!sealed)
        log_warning("app", "event=keeper_not_sealed reason=\"{}\"", sealed.error().message);
}

}  // namespace xbucket::app
