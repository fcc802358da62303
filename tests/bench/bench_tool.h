// SPDX-FileCopyrightText: the xbucket authors
// What the programs of the benchmarks share.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace bench_tool {

[[noreturn]] inline void die(std::string_view why) {
    fmt::print(stderr, "{}: {}\n", program_invocation_short_name, why);
    std::exit(1);
}

inline std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) die(fmt::format("{} is not set", name));
    return value;
}

inline double seconds_of(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace bench_tool
