// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/credentials/renewing.h"

#include "renewal_plan.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <algorithm>
#include <utility>

namespace xbucket {
namespace {

constexpr Duration kLookInterval = std::chrono::seconds(1);
constexpr Duration kBackoffFirst = std::chrono::seconds(1);
constexpr Duration kBackoffMax = std::chrono::seconds(60);
constexpr Duration kForcedInterval = std::chrono::seconds(10);
constexpr Duration kPatience = std::chrono::seconds(30);

bool same(const Credentials& a, const Credentials& b) {
    return a.access_key_id == b.access_key_id && a.access_key_secret == b.access_key_secret &&
           a.session_token == b.session_token;
}

// Whether asking again by itself may help.
bool may_pass(const Error& error) {
    return error.kind == ErrorKind::network || error.kind == ErrorKind::timed_out ||
           error.kind == ErrorKind::server_error || error.kind == ErrorKind::throttled ||
           error.kind == ErrorKind::not_found;
}

// What a request hears that gets no key. Never what could be taken for the answer to the request: a
// metadata service that is not found is no object that is not found.
Error no_key(const Error& why) {
    const ErrorKind kind =
        may_pass(why) ? ErrorKind::expired_credentials : ErrorKind::bad_credentials;
    return fail(kind, fmt::format("no valid key: {}", why.message));
}

}  // namespace

RenewingCredentials::RenewingCredentials(Credentials first, RenewalSource source, Clock& clock,
                                         uint64_t seed)
    : source_(std::move(source)),
      clock_(clock),
      current_(std::move(first)),
      stamps_(stamps()),
      next_look_(clock.now() + kLookInterval),
      quick_(source_.quick),
      random_(seed_or_random(seed)),
      thread_("credentials", 1) {
    LockGuard lock(mutex_);
    plan();
}

std::vector<FileStamp> RenewingCredentials::stamps() const {
    std::vector<FileStamp> all;
    for (const std::string& path : source_.files) all.push_back(stamp_of(path));
    return all;
}

Result<Credentials> RenewingCredentials::get() {
    LockGuard lock(mutex_);
    TimePoint now = clock_.now();
    if (auto credentials = usable(now)) return *std::move(credentials);
    const TimePoint deadline = now + kPatience;
    while (!is_valid()) {
        if (!renewing_ && last_error_ && !may_pass(*last_error_) && now < retry_at_) {
            return no_key(*last_error_);
        }
        if (now >= deadline) {
            return last_error_ ? no_key(*last_error_)
                               : fail(ErrorKind::expired_credentials,
                                      "the key has ended, and no other came within 30 seconds");
        }
        if (!renewing_ && now >= retry_at_) start_renewal();
        changed_.wait_until(mutex_, clock_, renewing_ ? deadline : std::min(deadline, retry_at_));
        now = clock_.now();
    }
    return current_;
}

std::optional<Credentials> RenewingCredentials::get_at_once() {
    LockGuard lock(mutex_);
    return usable(clock_.now());
}

std::optional<Credentials> RenewingCredentials::usable(TimePoint now) {
    look_at_files(now);
    if (quick_ && files_changed_) look_here();
    if (quick_) return current_;
    if (is_renewal_due(now)) start_renewal();
    if (!is_valid()) return std::nullopt;
    return current_;
}

bool RenewingCredentials::refused(const Credentials& credentials) {
    LockGuard lock(mutex_);
    if (!same(credentials, current_)) return true;
    if (quick_) {
        look_here();
        if (quick_) return !same(credentials, current_);
    }
    const TimePoint now = clock_.now();
    if (!renewing_) {
        // Near its end a key was to be renewed anyway; a fresh one that is refused is a mistake
        // that asking for more of them does not mend.
        const bool ends = renew_at_ && !service_judges_ && clock_.wall_now() >= *renew_at_;
        if (!ends && now < forced_again_) return false;
        forced_again_ = now + kForcedInterval;
        log_info("credentials", "event=refused source=\"{}\" note=\"asking for another key\"",
                 current_.source);
        start_renewal();
    }
    const uint64_t before = attempts_;
    const TimePoint deadline = now + kPatience;
    while (attempts_ == before && clock_.now() < deadline) {
        changed_.wait_until(mutex_, clock_, deadline);
    }
    return !same(credentials, current_);
}

void RenewingCredentials::look_at_files(TimePoint now) {
    if (source_.files.empty() || now < next_look_) return;
    next_look_ = now + kLookInterval;
    // A change while reading is seen at the next look.
    auto fresh = stamps();
    if (fresh == stamps_) return;
    stamps_ = std::move(fresh);
    files_changed_ = true;
}

bool RenewingCredentials::is_valid() const {
    return service_judges_ || !current_.expiration || clock_.wall_now() < *current_.expiration;
}

bool RenewingCredentials::is_renewal_due(TimePoint now) const {
    if (renewing_ || now < retry_at_) return false;
    return files_changed_ || (renew_at_ && clock_.wall_now() >= *renew_at_);
}

void RenewingCredentials::start_renewal() {
    renewing_ = true;
    thread_.post([this] { renew(); });
}

void RenewingCredentials::renew() {
    bool changed = false;
    {
        LockGuard lock(mutex_);
        changed = std::exchange(files_changed_, false);
        stamps_ = stamps();
    }
    const auto recipe = source_.load();
    auto fetched = recipe ? source_.follow(*recipe) : recipe.error();
    LockGuard lock(mutex_);
    renewing_ = false;
    if (fetched) quick_ = recipe->is_quick();
    // What the files say now is still to be had.
    if (recipe && !fetched && changed) files_changed_ = true;
    take(std::move(fetched));
    changed_.notify_all();
}

void RenewingCredentials::look_here() {
    files_changed_ = false;
    stamps_ = stamps();
    const auto recipe = source_.load();
    if (recipe && !recipe->is_quick()) {
        quick_ = false;
        files_changed_ = true;
        start_renewal();
        return;
    }
    take(recipe ? source_.follow(*recipe) : recipe.error());
}

void RenewingCredentials::take(Result<Credentials> fetched) {
    ++attempts_;
    if (!fetched) {
        failed(fetched.error());
        return;
    }
    const bool changed = !same(*fetched, current_);
    const bool later = fetched->expiration != current_.expiration;
    failures_ = 0;
    last_error_.reset();
    current_ = std::move(*fetched);
    retry_at_ = clock_.now();
    if (changed || later) {
        plan();
    } else {
        // The source has nothing newer yet: metadata services hand out the old key until shortly
        // before its end.
        retry_at_ = retry_at_ + backoff();
    }
    if (changed) {
        log_info("credentials", "event=renewed source=\"{}\" until={}", current_.source,
                 current_.expiration ? format_iso8601(*current_.expiration) : "ever");
    }
}

void RenewingCredentials::failed(const Error& error) {
    ++failures_;
    const Duration wait = backoff();
    retry_at_ = clock_.now() + wait;
    const bool valid = is_valid();
    log_line(valid ? LogLevel::warning : LogLevel::error, "credentials",
             fmt::format("event=renewal_failed failures={} keeping=\"{}\" valid={} until={} "
                         "again_in_s={} reason=\"{}\"",
                         failures_, current_.source, valid ? "yes" : "no",
                         current_.expiration ? format_iso8601(*current_.expiration) : "ever",
                         std::chrono::ceil<std::chrono::seconds>(wait).count(), error.message));
    last_error_ = error;
}

Duration RenewingCredentials::backoff() {
    const unsigned doublings = std::min(failures_ == 0 ? 5U : failures_ - 1, 6U);
    Duration wait = std::min(kBackoffMax, kBackoffFirst * (1 << doublings));
    wait = wait / 2 + random_below(random_, wait / 2);
    // Several tries fit into what is left of the key.
    if (current_.expiration && !service_judges_) {
        const Duration left = *current_.expiration - clock_.wall_now();
        if (left > Duration::zero()) wait = std::min(wait, std::max(kBackoffFirst, left / 4));
    }
    return wait;
}

void RenewingCredentials::plan() {
    renew_at_.reset();
    service_judges_ = false;
    if (!current_.expiration) return;
    const WallTime now = clock_.wall_now();
    const Duration life = *current_.expiration - now;
    if (life <= Duration::zero()) {
        service_judges_ = true;
        renew_at_ = now + kBackoffMax;
        log_warning("credentials",
                    "event=ended_key source=\"{}\" until={} note=\"by this machine's clock it had "
                    "ended when it came; trying it all the same\"",
                    current_.source, format_iso8601(*current_.expiration));
        return;
    }
    renew_at_ = *current_.expiration - renewal_lead(life, random_);
}

}  // namespace xbucket
