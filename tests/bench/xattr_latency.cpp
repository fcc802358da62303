// SPDX-FileCopyrightText: the xbucket authors
// Times getxattr(2) on several files in turn, so that all meet the same weather on the machine.
//
//     xattr_latency ROUNDS CALLS PATH NAME [PATH NAME ...]
//
// Prints a JSON array with one array per round: the median microseconds of a call, file by file.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <sys/xattr.h>
#include <vector>

namespace {

struct Target {
    const char* path;
    const char* name;
};

double now_us() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

double median_call_us(const Target& target, size_t calls) {
    std::vector<double> times;
    times.reserve(calls);
    char value[65536];
    for (size_t i = 0; i < calls; ++i) {
        const double begun = now_us();
        const ssize_t size = ::getxattr(target.path, target.name, value, sizeof value);
        times.push_back(now_us() - begun);
        if (size < 0) {
            std::fprintf(stderr, "xattr_latency: %s %s: %s\n", target.path, target.name,
                         std::strerror(errno));
            std::exit(1);
        }
    }
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5 || argc % 2 == 0) {
        std::fprintf(stderr, "usage: xattr_latency ROUNDS CALLS PATH NAME [PATH NAME ...]\n");
        return 2;
    }
    const size_t rounds = std::strtoul(argv[1], nullptr, 10);
    const size_t calls = std::max<size_t>(1, std::strtoul(argv[2], nullptr, 10));
    std::vector<Target> targets;
    for (int i = 3; i + 1 < argc; i += 2) targets.push_back({argv[i], argv[i + 1]});
    for (const Target& target : targets) median_call_us(target, calls / 10 + 1);
    std::printf("[");
    for (size_t round = 0; round < rounds; ++round) {
        std::printf("%s[", round == 0 ? "" : ", ");
        std::vector<double> times(targets.size());
        // Each goes first as often as last.
        for (size_t i = 0; i < targets.size(); ++i) {
            const size_t at = (i + round) % targets.size();
            times[at] = median_call_us(targets[at], calls);
        }
        for (size_t i = 0; i < times.size(); ++i)
            std::printf("%s%.3f", i == 0 ? "" : ", ", times[i]);
        std::printf("]");
    }
    std::printf("]\n");
    return 0;
}
