// SPDX-FileCopyrightText: the xbucket authors
// Programs that print a key. posix_spawn, because this process has threads; a group of its own, so
// that what the program starts is ended with it.
#include "xbucket/base/log.h"
#include "xbucket/credentials/kitchen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace xbucket {
namespace {

Error bad(std::string message) { return fail(ErrorKind::bad_credentials, std::move(message)); }

// Words as a shell splits them, without variables and wildcards: blanks part, '...' and "..." and
// '\' keep.
Result<std::vector<std::string>> split_words(std::string_view command) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (size_t i = 0; i < command.size(); ++i) {
        const char c = command[i];
        const bool escape = c == '\\' && quote != '\'' && i + 1 < command.size();
        if (escape) {
            word += command[++i];
            in_word = true;
        } else if (quote != 0) {
            if (c == quote) {
                quote = 0;
            } else {
                word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (quote != 0) {
        return fail(ErrorKind::invalid_argument,
                    "the command of the credential process has a quote that does not end");
    }
    if (in_word) words.push_back(std::move(word));
    if (words.empty()) {
        return fail(ErrorKind::invalid_argument, "the command of the credential process is empty");
    }
    return words;
}

// A running program and the end of the pipe that it writes to. Killed and reaped when it goes.
class Child {
  public:
    Child(pid_t pid, int output) : pid_(pid), output_(output) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        close(output_);
        if (pid_ > 0) end();
    }
    int output() const { return output_; }

    // SIGKILL to the whole group, what the program started included.
    void end() {
        kill(-pid_, SIGKILL);
        int ignored = 0;
        while (waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }
    // nullopt while it runs.
    std::optional<int> status() {
        siginfo_t info{};
        if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == 0) {
            return std::nullopt;
        }
        // What it left behind in its group; before it is reaped, while the number is still its own.
        kill(-pid_, SIGKILL);
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }

  private:
    pid_t pid_;
    const int output_;
};

// posix_spawn's two argument objects, ended with the scope.
class SpawnSettings {
  public:
    explicit SpawnSettings(int output) {
        posix_spawn_file_actions_init(&actions_);
        posix_spawnattr_init(&attributes_);
        posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
        // What it says there could be a secret, and our log is read by more people than its files.
        posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes_, &none);
        sigset_t all;
        sigfillset(&all);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        posix_spawnattr_setpgroup(&attributes_, 0);
        posix_spawnattr_setflags(&attributes_,
                                 static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF));
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }
    const posix_spawn_file_actions_t* actions() const { return &actions_; }
    const posix_spawnattr_t* attributes() const { return &attributes_; }

  private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

Result<std::unique_ptr<Child>> start(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail(ErrorKind::io, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const SpawnSettings settings(ends[1]);
    pid_t pid = -1;
    // environ: main() has taken the secrets out of it.
    const int error = posix_spawnp(&pid, argv[0], settings.actions(), settings.attributes(),
                                   argv.data(), environ);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return bad(
            fmt::format("the credential process cannot be started: {}", std::strerror(error)));
    }
    return std::make_unique<Child>(pid, ends[0]);
}

// A piece of output; "" at its end; nothing when there is none yet.
Result<std::optional<std::string_view>> next_output(int fd, std::span<char> buffer) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    constexpr int kPollMs = 50;
    const int ready = poll(&waiting, 1, kPollMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return std::optional<std::string_view>();
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return std::optional<std::string_view>();
    if (n < 0) return bad(fmt::format("the credential process: {}", std::strerror(errno)));
    return std::optional(std::string_view(buffer.data(), static_cast<size_t>(n)));
}

Error too_slow(const ProcessLimits& limits) {
    return fail(
        ErrorKind::timed_out,
        fmt::format("the credential process did not end within {} s and was killed",
                    std::chrono::duration_cast<std::chrono::seconds>(limits.timeout).count()));
}

// Its end, after the output's.
Result<void> check_status(Child& child, const ProcessLimits& limits, const Clock& clock,
                          TimePoint deadline) {
    std::optional<int> status;
    while (!(status = child.status())) {
        if (clock.now() >= deadline) return too_slow(limits);
        constexpr int kPollMs = 5;
        poll(nullptr, 0, kPollMs);
    }
    if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return {};
    return bad(WIFSIGNALED(*status)
                   ? fmt::format("the credential process was ended by signal {}", WTERMSIG(*status))
                   : fmt::format("the credential process failed with status {}; run it by hand to "
                                 "see why",
                                 WEXITSTATUS(*status)));
}

}  // namespace

Result<Secret> run_credential_process(const std::string& command, bool shell,
                                      const ProcessLimits& limits, Clock& clock) {
    auto words =
        shell ? std::vector<std::string>{"/bin/sh", "-c", command} : TRY(split_words(command));
    const TimePoint deadline = clock.now() + limits.timeout;
    const auto child = TRY(start(std::move(words)));
    std::string text;
    text.reserve(limits.output_max);  // never moved, so that it can be wiped where it lies
    std::array<char, 4096> buffer;
    Result<void> outcome;
    for (;;) {
        if (clock.now() >= deadline) {
            outcome = too_slow(limits);
            break;
        }
        if (limits.stopped && limits.stopped()) {
            outcome = fail(ErrorKind::cancelled, "the credential process was killed at the end");
            break;
        }
        auto piece = next_output(child->output(), buffer);
        if (!piece) {
            outcome = std::move(piece).error();
            break;
        }
        if (!*piece) continue;
        if ((*piece)->empty()) {
            outcome = check_status(*child, limits, clock, deadline);
            break;
        }
        if (text.size() + (*piece)->size() > limits.output_max) {
            outcome =
                bad(fmt::format("the credential process printed more than {} KiB and was "
                                "killed",
                                limits.output_max >> 10));
            break;
        }
        text += **piece;
    }
    Secret secret(outcome ? std::string_view(text) : std::string_view());
    wipe(text);
    explicit_bzero(buffer.data(), buffer.size());
    if (!outcome) return std::move(outcome).error();
    return secret;
}

}  // namespace xbucket
