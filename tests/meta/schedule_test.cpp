// SPDX-FileCopyrightText: the xbucket authors
// Random schedules of two mounts that edit one object through guarded updates, request by request
// in one thread, with faults at any request and requests that arrive late. Promise (DESIGN 3,
// "what the man page says"): every acknowledged change is in the final object unless a later
// acknowledged change of the same name replaced it, a failure that says so changed nothing, and
// nothing else changes. Seeded: XBUCKET_SEED=n reruns one schedule, XBUCKET_SCHEDULES sets how
// many.
#include "guarded_update.h"
#include "support/fake_clock.h"
#include "support/memory_store.h"

#include "xbucket/base/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
#include <set>
#include <utility>

namespace xbucket::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Random = std::mt19937_64;

size_t below(Random& random, size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
}
bool chance(Random& random, unsigned percent) { return below(random, 100) < percent; }

struct Edit {
    std::string name;                  // metadata name
    std::optional<std::string> value;  // nullopt removes
    enum class State { waiting, running, acknowledged, failed, unknown } state = State::waiting;
};

struct World {
    World(const MemoryService& service, uint64_t seed)
        : random(seed),
          clock(WallTime::from_seconds(1'700'000'000) + milliseconds(seed % 1000)),
          bucket(service, clock),
          model(service.traits) {}

    Random random;
    FakeClock clock;
    MemoryBucket bucket;
    AttributeModel model;
    ObjectKey key{"object"};
    std::deque<CopyRequest> late;  // on their way, their senders gave up on them
    unsigned fault_percent = 0;
};

// One mount: its edits one after the other, each a state machine that advances by one request.
class Mount {
  public:
    Mount(World& world, std::string name)
        : world_(world), name_(std::move(name)), facts_(world.bucket.traits()) {}

    std::vector<Edit> edits;

    bool done() const { return !update_ && next_ == edits.size(); }
    bool asleep() const { return wake_ && world_.clock.now() < *wake_; }
    std::optional<TimePoint> wake() const { return wake_; }

    void advance() {
        if (!update_) {
            begin();
            return;
        }
        wake_.reset();
        const TimePoint begun = world_.clock.now();
        if (chance(world_.random, 30))
            world_.clock.advance(milliseconds(below(world_.random, 400)));
        const size_t at = step_.index();
        carry_out(begun);
        trace(at);
        settle();
    }

  private:
    void begin() {
        Edit& edit = edits[next_];
        edit.state = Edit::State::running;
        UpdateWork work;
        work.key = world_.key;
        work.own = own_;
        Patch patch;
        AttrChange change{AttrName::parse("user." + edit.name).value(), edit.value};
        patch.changes.push_back(std::move(change));
        work.patches.push_back(std::move(patch));
        UpdatePolicy policy;
        policy.verify = chance(world_.random, 10) ? VerifyPolicy::always : VerifyPolicy::never;
        update_ = std::make_unique<GuardedUpdate>(world_.model, world_.bucket.traits(), facts_,
                                                  policy, std::move(work), world_.random());
        step_ = update_->start(world_.clock.now());
        settle();
    }

    // For whoever looks into one seed.
    void trace(size_t step) const {
        static constexpr const char* kSteps[] = {"READ", "WAIT", "COPY", "CREATE"};
        if (std::getenv("XBUCKET_SEED") == nullptr) return;
        std::cerr << world_.clock.wall_now().since_epoch.count() / 1'000'000 % 100'000'000 << " "
                  << name_ << " " << kSteps[step] << " " << edits[next_].name << "="
                  << edits[next_].value.value_or("(none)") << "\n";
    }

    bool fails() { return chance(world_.random, world_.fault_percent); }
    Error timeout(bool unknown) {
        Error error(ErrorKind::timed_out, "injected");
        error.outcome_unknown = unknown;
        return error;
    }

    Result<CopyReply> copy(const CopyRequest& request) {
        if (!fails()) return world_.bucket.copy(request);
        switch (below(world_.random, 4)) {
            case 0:
                return timeout(false);  // refused connection, throttled
            case 1: {
                auto reply = world_.bucket.copy(request);
                if (!reply) return reply;
                return timeout(true);
            }
            case 2: {
                // A client library repeats the request: it meets its own success.
                static_cast<void>(world_.bucket.copy(request).has_value());
                return world_.bucket.copy(request);
            }
            default:
                world_.late.push_back(request);
                return timeout(true);
        }
    }

    void carry_out(TimePoint begun) {
        const auto now = [&] { return world_.clock.now(); };
        if (auto* read = std::get_if<update_step::Read>(&step_)) {
            if (!begun_) begun_ = begun;
            if (!read_one(read->facets)) return;
            step_ = update_->on_read(std::exchange(replies_, {}), *begun_, now());
            begun_.reset();
        } else if (auto* wait = std::get_if<update_step::Wait>(&step_)) {
            static_cast<void>(wait);
            step_ = update_->on_waited(now());
        } else if (auto* request = std::get_if<update_step::Copy>(&step_)) {
            auto reply = copy(request->request);
            step_ = update_->on_copied(std::move(reply), begun, now());
        } else {
            FAIL() << "a step that these schedules do not need";
        }
    }

    // What is asked for at the same time is answered in any order, and others go on in between.
    // True when all of it is there.
    bool read_one(Facets facets) {
        const bool head = facets.head && !replies_.head;
        const bool acl = facets.acl && !replies_.acl;
        const bool tags = facets.tags && !replies_.tags;
        size_t which = below(world_.random, size_t{head} + size_t{acl} + size_t{tags});
        if (head && which-- == 0)
            replies_.head = read_head();
        else if (acl && which-- == 0)
            replies_.acl = world_.bucket.get_acl(world_.key);
        else
            replies_.tags = world_.bucket.get_tags(world_.key);
        return facets.head == replies_.head.has_value() && facets.acl == replies_.acl.has_value() &&
               facets.tags == replies_.tags.has_value();
    }

    Result<HeadReply> read_head() {
        if (fails()) return timeout(false);
        auto info = world_.bucket.head(world_.key);
        if (!info) return info.error();
        return HeadReply{*info, {}};
    }

    // Falls asleep for a wait, or takes the outcome of a finished update.
    void settle() {
        if (auto* wait = std::get_if<update_step::Wait>(&step_))
            wake_ = world_.clock.now() + wait->time;
        if (!std::holds_alternative<update_step::Done>(step_)) return;
        const UpdateOutcome& outcome = update_->outcome();
        own_ = outcome.own;
        const auto& error = outcome.errors.front();
        edits[next_].state = !error                   ? Edit::State::acknowledged
                             : error->outcome_unknown ? Edit::State::unknown
                                                      : Edit::State::failed;
        ++next_;
        update_.reset();
    }

    World& world_;
    const std::string name_;
    ServiceFacts facts_;
    std::optional<UpdateBase> own_;
    std::unique_ptr<GuardedUpdate> update_;
    UpdateStep step_;
    std::optional<TimePoint> begun_;  // of a Read that is not complete
    FacetReplies replies_;
    std::optional<TimePoint> wake_;
    size_t next_ = 0;
};

std::vector<Edit> make_edits(Random& random, const std::string& owner) {
    std::vector<Edit> edits;
    const size_t count = 1 + below(random, 5);
    for (size_t i = 0; i < count; ++i) {
        Edit edit;
        // A few names of this mount alone, so that overwriting and removing happens.
        edit.name = owner + std::to_string(below(random, 3));
        if (!chance(random, 25)) edit.value = std::to_string(i) + "v";
        edits.push_back(edit);
    }
    return edits;
}

void run(World& world, std::vector<std::unique_ptr<Mount>>& mounts) {
    for (size_t steps = 0; steps < 20'000; ++steps) {
        if (!world.late.empty() && chance(world.random, 15)) {
            const bool applied = world.bucket.copy(world.late.front()).has_value();
            if (std::getenv("XBUCKET_SEED") != nullptr) std::cerr << "late " << applied << "\n";
            world.late.pop_front();
        }
        std::vector<Mount*> awake;
        TimePoint earliest = TimePoint::never();
        bool all_done = true;
        for (const auto& mount : mounts) {
            if (mount->done()) continue;
            all_done = false;
            if (mount->asleep())
                earliest = std::min(earliest, *mount->wake());
            else
                awake.push_back(mount.get());
        }
        if (all_done) break;
        if (awake.empty())
            world.clock.advance(earliest - world.clock.now());
        else
            awake[below(world.random, awake.size())]->advance();
        if (chance(world.random, 10)) world.clock.advance(milliseconds(below(world.random, 1500)));
    }
    // Whatever was on its way arrives at last.
    while (!world.late.empty()) {
        world.clock.advance(milliseconds(below(world.random, 1500)));
        static_cast<void>(world.bucket.copy(world.late.front()).has_value());
        world.late.pop_front();
    }
}

// What a name may hold in the end: of its edits in order, the last acknowledged one and any later
// one whose outcome is unknown.
std::vector<std::optional<std::string>> possible(const std::vector<Edit>& edits,
                                                 const std::string& name) {
    std::vector<std::optional<std::string>> values = {std::nullopt};
    for (const Edit& edit : edits) {
        if (edit.name != name) continue;
        if (edit.state == Edit::State::acknowledged) values = {edit.value};
        if (edit.state == Edit::State::unknown) values.push_back(edit.value);
    }
    return values;
}

void check(World& world, const std::vector<std::unique_ptr<Mount>>& mounts,
           const ObjectAttributes& initial, uint64_t seed) {
    const auto object = *world.bucket.peek(world.key);
    UserMetadata left = object.attributes.user;
    for (const auto& mount : mounts) {
        ASSERT_TRUE(mount->done()) << "seed " << seed << ": a mount starves";
        std::set<std::string> names;
        for (const Edit& edit : mount->edits) names.insert(edit.name);
        for (const std::string& name : names) {
            const auto found = left.find(name);
            std::optional<std::string> value;
            if (found != left.end()) value = found->second;
            const auto allowed = possible(mount->edits, name);
            ASSERT_NE(std::find(allowed.begin(), allowed.end(), value), allowed.end())
                << "seed " << seed << ": " << name << " is " << value.value_or("(none)")
                << ", should be " << allowed.back().value_or("(none)");
            left.erase(name);
        }
    }
    ObjectAttributes rest = object.attributes;
    rest.user = left;
    ASSERT_EQ(rest, initial) << "seed " << seed << ": something else changed";
    ASSERT_EQ(*object.body, "body") << "seed " << seed;
}

MemoryService service_for(uint64_t seed) {
    MemoryService service = seed % 3 == 0 ? MemoryService::s3() : MemoryService::oss();
    if (seed % 5 == 0) service.compares_subseconds = true;
    if (seed % 7 == 0) {  // honours conditions, but nobody knows it
        service.traits.copy_conditions_known = false;
    }
    return service;
}

void run_schedule(uint64_t seed) {
    World world(service_for(seed), seed);
    world.fault_percent = seed % 4 == 0 ? 0 : static_cast<unsigned>(5 * (seed % 4));
    ObjectAttributes attributes;
    attributes.user = {{"year", "2021"}};
    attributes[HttpField::content_type] = "text/x-demo";
    attributes[HttpField::cache_control] = "no-cache";
    attributes.acl = "public-read";
    attributes.tags = Tags{{"k", "v"}};
    PutRequest put;
    put.key = world.key;
    put.attributes = attributes;
    ASSERT_TRUE(world.bucket.put(put, std::make_shared<const std::string>("body")));
    const ObjectAttributes initial = world.bucket.peek(world.key)->attributes;
    if (seed % 2 == 0) world.clock.advance(seconds(5));
    std::vector<std::unique_ptr<Mount>> mounts;
    for (const char* name : {"a", "b"}) {
        mounts.push_back(std::make_unique<Mount>(world, name));
        mounts.back()->edits = make_edits(world.random, name);
    }
    run(world, mounts);
    check(world, mounts, initial, seed);
}

uint64_t from_environment(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Schedules, no_acknowledged_change_is_lost_and_nothing_else_changes) {
    if (const uint64_t seed = from_environment("XBUCKET_SEED", 0); seed != 0) {
        run_schedule(seed);
        return;
    }
    set_log_level(LogLevel::error);
    const uint64_t count = from_environment("XBUCKET_SCHEDULES", 20'000);
    for (uint64_t seed = 1; seed <= count; ++seed) {
        run_schedule(seed);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace xbucket::testing
