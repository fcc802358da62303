// SPDX-FileCopyrightText: the xbucket authors
// The keeper's own process: waits for requests and forks for each, so that one that hangs holds up
// no other, and the end of the mount least of all.
#include "daemonize.h"
#include "keeper.h"
#include "keeper_messages.h"
#include "mountpoint.h"
#include "streams.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <set>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

bool is_hung_up(int fd) {
    pollfd asked{.fd = fd, .events = 0, .revents = 0};
    return poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)) != 0;
}

Result<Secret> carry_out(const KeeperRequest& request, int reply_end,
                         const std::string& mountpoint) {
    if (request.kind == KeeperRequest::Kind::unmount) {
        TRY(unmount(mountpoint, true));
        return Secret();
    }
    SystemClock clock;
    ProcessLimits limits;
    limits.timeout = std::chrono::milliseconds(request.timeout_ms);
    limits.stopped = [reply_end] { return is_hung_up(reply_end); };
    return run_credential_process(request.command, request.kind == KeeperRequest::Kind::shell,
                                  limits, clock);
}

// In a process of its own, which nobody waits for.
void start_work(const KeeperRequest& request, int control, int reply_end,
                const std::string& mountpoint) {
    const pid_t child = fork();
    if (child < 0) {
        write_reply(reply_end, fail(ErrorKind::io,
                                    fmt::format("no process for it: {}", std::strerror(errno))));
    }
    if (child != 0) return;
    close(control);
    std::signal(SIGCHLD, SIG_DFL);  // it has children that it waits for
    write_reply(reply_end, carry_out(request, reply_end, mountpoint));
    _exit(0);
}

// What may be run: everything until sealed, then what was run until then.
class Permitted {
  public:
    void seal() { sealed_ = true; }
    Result<void> check(const KeeperRequest& request) {
        if (request.kind == KeeperRequest::Kind::unmount) return {};
        const bool shell = request.kind == KeeperRequest::Kind::shell;
        if (!sealed_) programs_.emplace(request.command, shell);
        if (programs_.contains({request.command, shell})) return {};
        return fail(ErrorKind::access_denied,
                    "the credential process is another than when the mount began, and such are "
                    "not run; mount anew");
    }

  private:
    bool sealed_ = false;
    std::set<std::pair<std::string, bool>> programs_;
};

}  // namespace

void serve_keeper(int control, const std::string& mountpoint) {
    // It ends when the mount does, and with nothing else.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
        std::signal(signal, SIG_IGN);
    }
    std::signal(SIGCHLD, SIG_IGN);  // children are reaped by the kernel
    Permitted permitted;
    std::string buffer;
    while (auto received = receive_packet(control, buffer)) {
        if (received->reply_end < 0) continue;
        if (!received->request) {
            write_reply(received->reply_end, fail(ErrorKind::internal, "no request"));
        } else if (received->request->kind == KeeperRequest::Kind::seal) {
            permitted.seal();
            // Not sooner: see StartReport::ready().
            setsid();
            write_reply(received->reply_end, Secret());
        } else if (const auto allowed = permitted.check(*received->request); !allowed) {
            write_reply(received->reply_end, allowed.error());
        } else {
            start_work(*received->request, control, received->reply_end, mountpoint);
        }
        close(received->reply_end);
    }
}

int keeper_command(const std::vector<std::string>& words) {
    struct stat st {};
    if (words.size() != 1 || fstat(kKeeperControl, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        print_error(fmt::format("{}: a part of a mount, which starts it\n", kKeeperName));
        return to_int(ExitCode::usage);
    }
    fcntl(kKeeperControl, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, std::string(kKeeperName).c_str());
    harden_process();
    serve_keeper(kKeeperControl, words.front());
    return to_int(ExitCode::ok);
}

}  // namespace xbucket::app
