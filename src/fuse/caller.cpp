// SPDX-FileCopyrightText: the xbucket authors
#include "caller.h"

#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

namespace xbucket::fuse {

namespace {

constexpr uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }

// What does nothing by default, or stops and goes on.
constexpr uint64_t kHarmless = bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH) |
                               bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);

// "NAME:\tHEX\n".
std::optional<uint64_t> signal_set(std::string_view status, std::string_view name) {
    size_t start = 0;
    while (start < status.size()) {
        std::string_view line = status.substr(start, status.find('\n', start) - start);
        start += line.size() + 1;
        if (!line.starts_with(name) || line.substr(name.size(), 2) != ":\t") continue;
        line.remove_prefix(name.size() + 2);
        uint64_t set = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), set, 16);
        if (error != std::errc() || end != line.data() + line.size()) return std::nullopt;
        return set;
    }
    return std::nullopt;
}

}  // namespace

bool is_dying(std::string_view status) {
    const auto thread = signal_set(status, "SigPnd");
    const auto process = signal_set(status, "ShdPnd");
    const auto blocked = signal_set(status, "SigBlk");
    const auto ignored = signal_set(status, "SigIgn");
    const auto caught = signal_set(status, "SigCgt");
    if (!thread || !process || !blocked || !ignored || !caught) return false;
    // The kernel marks each thread of a program that a signal ends with SIGKILL, which nothing
    // blocks; in one that is ending already the signal itself still stands with the process.
    const uint64_t survivable = (*blocked | *ignored | *caught | kHarmless) & ~bit(SIGKILL);
    return ((*thread | *process) & ~survivable) != 0;
}

bool is_dying(pid_t thread) {
    if (thread <= 0) return false;
    const std::string path = "/proc/" + std::to_string(thread) + "/status";
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    std::array<char, 8192> text;  // the signals stand within the first 2 KiB
    size_t length = 0;
    while (length < text.size()) {
        const ssize_t got = read(file, text.data() + length, text.size() - length);
        if (got <= 0) break;
        length += static_cast<size_t>(got);
    }
    close(file);
    return is_dying(std::string_view(text.data(), length));
}

}  // namespace xbucket::fuse
