// SPDX-FileCopyrightText: the xbucket authors
#include "progress.h"

#include "../streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <sys/ioctl.h>
#include <unistd.h>

namespace xbucket::app {
namespace {

constexpr std::string_view kClear = "\r\033[K";

double seconds_of(Duration time) { return std::chrono::duration<double>(time).count(); }

size_t columns_of_terminal() {
    winsize size{};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

}  // namespace

std::string with_commas(uint64_t number) {
    const std::string digits = fmt::format("{}", number);
    std::string out;
    for (size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) out += ',';
        out += digits[i];
    }
    return out;
}

std::string counted(uint64_t number, std::string_view one, std::string_view behind) {
    return fmt::format("{} {}{}{}", with_commas(number), one, number == 1 ? "" : "s", behind);
}

std::string short_duration(Duration time) {
    const double seconds = seconds_of(time);
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<uint64_t>(seconds);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string progress_line(const Counts& counts, Duration elapsed, size_t columns) {
    const double seconds = seconds_of(elapsed);
    const double worked = static_cast<double>(counts.done - counts.skipped);
    const double rate = seconds > 0 ? worked / seconds : 0;
    std::string text = fmt::format(" {} of {}{}", with_commas(counts.done),
                                   with_commas(counts.found), counts.all_found ? "" : "+");
    if (rate > 0) text += fmt::format("  {:.0f}/s", rate);
    if (counts.failed > 0) text += fmt::format("  {} failed", with_commas(counts.failed));
    if (counts.all_found && counts.done < counts.found && rate > 0) {
        const auto left = static_cast<double>(counts.found - counts.done) / rate;
        text += fmt::format("  {} left", short_duration(std::chrono::duration_cast<Duration>(
                                             std::chrono::duration<double>(left))));
    }
    // One column stays free: a full line would scroll.
    const size_t room = columns > text.size() + 3 ? columns - text.size() - 3 : 0;
    const size_t width = std::min<size_t>(room, 30);
    if (width < 5) return text.substr(1, columns > 1 ? columns - 1 : 1);
    const size_t filled =
        counts.found == 0
            ? 0
            : static_cast<size_t>(static_cast<double>(width) * static_cast<double>(counts.done) /
                                  static_cast<double>(counts.found));
    return fmt::format("[{:#<{}}{:<{}}]{}", "", filled, "", width - filled, text);
}

Progress::Progress(Clock& clock, bool wanted)
    : clock_(clock), shown_(wanted && isatty(STDERR_FILENO) == 1), begun_(clock.now()) {}

Progress::~Progress() {
    LockGuard lock(mutex_);
    if (drawn_) print_error("\n");
}

void Progress::draw(const Counts& counts) {
    print_error(
        fmt::format("{}{}", kClear, progress_line(counts, elapsed(), columns_of_terminal())));
    drawn_ = true;
}

void Progress::update(const Counts& counts) {
    if (!shown_) return;
    LockGuard lock(mutex_);
    const TimePoint now = clock_.now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    draw(counts);
}

void Progress::end(const Counts& counts) {
    if (!shown_) return;
    LockGuard lock(mutex_);
    draw(counts);
    print_error("\n");
    drawn_ = false;
}

void Progress::say(const std::string& text) {
    LockGuard lock(mutex_);
    print_error(fmt::format("{}{}\n", drawn_ ? kClear : "", text));
}

}  // namespace xbucket::app
