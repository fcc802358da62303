// SPDX-FileCopyrightText: the xbucket authors
// Keys that end, renewed before they do, for a mount that runs for months.
//
// - Ahead: when a fifth of a key's life is left (at most 15 minutes), with up to a quarter of that
//   as jitter, so that a fleet does not ask in the same second. Asked for by use: a mount that
//   nobody reads renews nothing.
// - One at a time, on a thread of its own: while a key is valid nobody waits for the next.
// - Published only when it is there; a failure keeps the key in use while it is valid, warns, and
// is
//   tried again after 1 s, 2 s, 4 s, ... 60 s, with jitter.
// - A file that changed is read again, within a second. Where it holds the key itself, that is used
//   from then on; where it only says whom to ask, that is asked as above.
// - A key that the service refuses is a reason to ask at once, but only every ten seconds when that
//   helps nobody.
// - When a key has ended, callers wait for the next one for up to 30 s where the failure may pass.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/private_file.h"
#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"
#include "xbucket/credentials/recipe.h"
#include "xbucket/store/credentials.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace xbucket {

// Neither is ever called by two threads at a time.
struct RenewalSource {
    // How a key is to be had now. Reads files at most.
    std::function<Result<Recipe>()> load;
    // One attempt. Blocks, unless the recipe is quick: that one runs in the thread that needs it.
    // Quick keys are used beyond their time, too: only the service knows what it takes.
    std::function<Result<Credentials>(const Recipe& recipe)> follow;
    std::vector<std::string> files;  // a change of one is a reason to load
    bool quick = false;              // what the first key came from
};

// Thread-safe.
class RenewingCredentials final : public CredentialsProvider {
  public:
    // `seed` of the jitter; 0 = random.
    RenewingCredentials(Credentials first, RenewalSource source, Clock& clock, uint64_t seed = 0);
    // Waits for a fetch that is under way.
    ~RenewingCredentials() override = default;

    // Errors: what the last fetch said, when no key is valid any more.
    Result<Credentials> get() override EXCLUDES(mutex_);
    std::optional<Credentials> get_at_once() override EXCLUDES(mutex_);
    bool refused(const Credentials& credentials) override EXCLUDES(mutex_);

  private:
    std::optional<Credentials> usable(TimePoint now) REQUIRES(mutex_);
    void look_at_files(TimePoint now) REQUIRES(mutex_);
    void start_renewal() REQUIRES(mutex_);
    void renew() EXCLUDES(mutex_);
    void look_here() REQUIRES(mutex_);
    void take(Result<Credentials> fetched) REQUIRES(mutex_);
    void failed(const Error& error) REQUIRES(mutex_);
    void plan() REQUIRES(mutex_);
    bool is_valid() const REQUIRES(mutex_);
    bool is_renewal_due(TimePoint now) const REQUIRES(mutex_);
    Duration backoff() REQUIRES(mutex_);
    std::vector<FileStamp> stamps() const;

    const RenewalSource source_;
    Clock& clock_;

    mutable Mutex mutex_;
    CondVar changed_;  // attempts_ went up
    Credentials current_ GUARDED_BY(mutex_);
    std::vector<FileStamp> stamps_ GUARDED_BY(mutex_);
    TimePoint next_look_ GUARDED_BY(mutex_);
    bool files_changed_ GUARDED_BY(mutex_) = false;
    // The key in use was at hand; then no renewal is under way.
    bool quick_ GUARDED_BY(mutex_);
    std::optional<WallTime> renew_at_ GUARDED_BY(mutex_);
    // It had ended by this machine's clock when it came: only the service can tell.
    bool service_judges_ GUARDED_BY(mutex_) = false;
    bool renewing_ GUARDED_BY(mutex_) = false;
    uint64_t attempts_ GUARDED_BY(mutex_) = 0;
    unsigned failures_ GUARDED_BY(mutex_) = 0;  // in a row
    std::optional<Error> last_error_ GUARDED_BY(mutex_);
    TimePoint retry_at_ GUARDED_BY(mutex_);
    TimePoint forced_again_ GUARDED_BY(mutex_);
    std::mt19937_64 random_ GUARDED_BY(mutex_);

    WorkerPool thread_;  // last: it uses all of the above
};

}  // namespace xbucket
