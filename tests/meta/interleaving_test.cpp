// SPDX-FileCopyrightText: the xbucket authors
// The deterministic model test of everything that changes objects: two or three mounts, each with
// the real updater and the real upload, rename and delete code, edit one object over a network that
// a seed decides about (schedule_world.h), on services that honour conditions, ignore them, glance
// at them, drop tags, entries or ACLs, keep versions. Promise (schedule_oracle.h): every
// acknowledged change is in the final object, its failure was reported, nothing else changed.
//
// A failing schedule is printed request by request. XBUCKET_SEED=n runs and prints one schedule,
// XBUCKET_SCHEDULES sets how many there are, XBUCKET_FIRST_SEED where they begin.
#include "object_moves.h"
#include "schedule_oracle.h"
#include "schedule_world.h"
#include "support/memory_store.h"
#include "updater.h"

#include "xbucket/base/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace xbucket::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Operation::Kind;
using State = Operation::State;

AttrChange change_of(const Field& field, const FieldValue& value) {
    const std::string bare = field.substr(field.find(':') + 1);
    std::string name = "user." + bare;
    if (field == "acl") name = "user.object.acl";
    if (field.starts_with("http:")) name = "user.http." + bare;
    if (field.starts_with("tag:")) name = "user.tag." + bare;
    return {AttrName::parse(name).value(), value};
}

class Mount {
  public:
    Mount(World& world, size_t number, bool looks)
        : clock(world),
          store(world, clock, number),
          world_(world),
          parts_(config(world, looks), store, clock) {}

    std::vector<size_t> operations;  // to do, one after the other
    ScheduledClock clock;
    ScheduledStore store;

    void run() {
        for (const size_t id : operations) {
            store.operation = id;
            perform(world_.operations[id]);
        }
    }

  private:
    static MetaConfig config(World& world, bool looks) {
        MetaConfig config;
        static_assert(static_cast<int>(VerifyPolicy::never) == 2);
        config.verify = static_cast<VerifyPolicy>(world.below(looks ? 2 : 3));
        config.seed = world.random();
        return config;
    }

    void perform(Operation& operation) {
        operation.began = world_.next();
        operation.state = State::running;
        if (world_.tracing) world_.say("begins {}", describe(operation));
        const Result<void> result = carry_out(operation);
        operation.state = State::acknowledged;
        if (!result) {
            const Error& error = result.error();
            operation.error = error.describe();
            // A chmod goes on waiting to be recorded. An upload's failure after the upload says so.
            const bool open = error.outcome_unknown || operation.kind == Kind::chmod ||
                              error.message.find("uploaded, but") != std::string::npos ||
                              error.message.find("is uploaded") != std::string::npos;
            operation.state = open ? State::unknown : State::failed;
        }
        operation.ended = world_.next();
        if (operation.kind == Kind::chmod && !result) operation.ended = UINT64_MAX;
        if (world_.tracing) world_.say("ended {}", describe(operation));
    }

    Result<void> carry_out(Operation& operation) {
        const ObjectKey& key = operation.key;
        switch (operation.kind) {
            case Kind::change: {
                const auto& [field, value] = *operation.edits.begin();
                return updater_.change(key, change_of(field, value));
            }
            case Kind::change_all:
                return updater_.change_all(key, patch_of(operation));
            case Kind::chmod: {
                PosixRecord record;
                record.mode =
                    static_cast<uint32_t>(std::stoul(operation.edits.at("user:mode").value()));
                parts_.pending.add(key, record, TimePoint::never(), std::nullopt);
                return updater_.send_pending(key);
            }
            case Kind::upload:
            case Kind::upload_parts:
                return upload(operation);
            case Kind::remove: {
                const KeyOrder::Turn turn = parts_.order.acquire(key);
                return moves_.remove(key);
            }
            case Kind::rename: {
                const KeyOrder::Turn turn = parts_.order.acquire(key, operation.to);
                TRY(moves_.rename(key, operation.to, operation.no_replace));
                return {};
            }
        }
        return {};
    }

    static Patch patch_of(const Operation& operation) {
        Patch patch;
        for (const auto& [field, value] : operation.edits)
            if (field != "body") patch.changes.push_back(change_of(field, value));
        return patch;
    }

    // As fs does it (src/fs/upload.cpp), for content that starts from nobody's.
    Result<void> upload(Operation& operation) {
        const KeyOrder::Turn turn = parts_.order.acquire(operation.key);
        const std::string& body = *operation.edits.at("body");
        Error last;
        const auto in_doubt = [&last](Error error) {
            error.outcome_unknown = error.outcome_unknown || last.outcome_unknown;
            return error;
        };
        for (int attempt = 0; attempt < 4; ++attempt) {
            ++operation.attempts;
            auto planned = moves_.plan_upload(operation.key, patch_of(operation));
            if (!planned) return in_doubt(std::move(planned).error());
            UploadPlan& plan = *planned;
            Result<PutReply> reply = operation.kind == Kind::upload
                                         ? put_whole(operation.key, body, plan)
                                         : put_parts(operation.key, body, plan);
            const auto first = [](ErrorKind kind) {
                return kind == ErrorKind::precondition_failed || kind == ErrorKind::conflict;
            };
            // 412 may be a repeated request's own success.
            if (!reply && (reply.error().outcome_unknown || first(reply.error().kind))) {
                auto head = store.head(operation.key, {});
                if (!head && head.error().kind != ErrorKind::not_found)
                    return in_doubt(unanswered(std::move(head).error()));
                if (head && landed(*head, plan, body))
                    reply = PutReply{head->info.etag, head->info.version_id, head->info.date, {}};
            }
            if (reply) {
                TRY(moves_.finish_upload(operation.key, plan, *reply, body.size()).result());
                return {};
            }
            const bool again = reply.error().outcome_unknown || first(reply.error().kind);
            last = in_doubt(std::move(reply).error());
            if (!again) break;
        }
        return last;
    }

    // What became of a request could not be found out.
    static Error unanswered(Error error) {
        error.outcome_unknown = true;
        return error;
    }

    bool landed(const HeadReply& head, const UploadPlan& plan, const std::string& body) const {
        const bool untouched = plan.exists && head.info.etag == plan.base_etag &&
                               head.info.last_modified == plan.base_last_modified;
        if (untouched || head.info.size != body.size()) return false;
        const auto object = world_.bucket.peek(ObjectKey("object"));
        return object && *object->body == body;  // what the ETag's hash would tell
    }

    Result<PutReply> put_whole(const ObjectKey& key, const std::string& body,
                               const UploadPlan& plan) {
        PutRequest request;
        request.key = key;
        request.body = body_of(body);
        request.attributes = plan.attributes;
        if (store.traits().destination_conditions && plan.exists) request.if_match = plan.base_etag;
        return store.put(request, {});
    }

    Result<PutReply> put_parts(const ObjectKey& key, const std::string& body, UploadPlan& plan) {
        const UploadId id = TRY(store.create_upload(key, plan.attributes, {}));
        const UploadPart part = TRY(store.upload_part(key, id, 1, body_of(body), {}));
        if (auto same = moves_.recheck_upload(key, plan); !same)
            if (same.error().kind != ErrorKind::stale) return std::move(same).error();
        auto reply = store.complete_upload(key, id, {part}, {}, {});
        // No such upload: a repeated request has completed it.
        if (!reply && reply.error().kind == ErrorKind::not_found)
            return unanswered(std::move(reply).error());
        return reply;
    }

    World& world_;
    MetaParts parts_;
    Updater updater_{parts_};
    ObjectMoves moves_{parts_, updater_};
};

// Which service, what is asked of the mounts, and the object as it is at first.
class Schedule {
  public:
    Schedule(uint64_t seed, std::vector<Fiber>& fibers, bool tracing)
        : fibers_(fibers), world_(service_for(seed), seed) {
        world_.tracing = tracing;
        static constexpr unsigned kFaults[] = {0, 3, 8, 15};
        world_.fault_percent = kFaults[world_.below(4)];
        if (!world_.bucket.service().traits.copy_conditions_known &&
            world_.bucket.service().copy_conditions)
            world_.judges_before_it_writes = world_.chance(60);
    }

    // What is wrong, or "".
    std::string run() {
        make_object();
        make_operations();
        if (!play()) return "a mount starves";
        deliver_the_rest();
        return judge();
    }

  private:
    static MemoryService service_for(uint64_t seed) {
        std::mt19937_64 random(seed * 977);
        MemoryService service = random() % 3 == 0 ? MemoryService::s3() : MemoryService::oss();
        switch (random() % 9) {
            case 0:
                service.compares_subseconds = true;
                break;
            case 1:  // honours conditions, and nobody knows it
                service.traits.copy_conditions_known = false;
                break;
            case 2:
                service = MemoryService::ceph();
                break;
            case 3:  // Ceph as a mount meets it: x-amz-copy-if-*
                service = MemoryService::ceph();
                service.copy_conditions = true;
                break;
            case 4:
                service.versioning = "Enabled";
                break;
            case 5:  // ignores conditions, keeps tags
                service.traits.copy_conditions_known = false;
                service.copy_conditions = false;
                service.copy_destination = MemoryService::DestinationConditions::ignored;
                break;
            default:
                break;
        }
        return service;
    }

    enum class Theme { edits, side, uploads, deletes, renames, markers };

    void make_object() {
        theme_ = static_cast<Theme>(world_.below(6));
        key_ = ObjectKey(theme_ == Theme::markers ? "object/" : "object");
        ObjectAttributes attributes;
        attributes.user = {{"year", "2021"}};
        attributes[HttpField::content_type] = "text/x-demo";
        attributes[HttpField::cache_control] = "no-cache";
        attributes.acl = "public-read";
        if (world_.chance(70)) attributes.tags = Tags{{"first", "v"}};
        // A step from what the service stores without a word.
        const unsigned most = world_.bucket.service().entries_max_silent;
        if (most != 0 && theme_ == Theme::edits && world_.chance(20)) drops_ = true;
        for (unsigned i = 1; drops_ && i < most; ++i)
            attributes.user["e" + std::to_string(i)] = "v";
        PutRequest put;
        put.attributes = attributes;
        if (theme_ != Theme::markers) {
            put.key = key_;
            CHECK(world_.bucket.put(put, std::make_shared<const std::string>("body")));
        }
        if (theme_ == Theme::renames && world_.chance(50)) {
            put.key = target_;
            put.attributes.user = {{"theirs", "v"}};
            CHECK(world_.bucket.put(put, std::make_shared<const std::string>("other")));
        }
        if (world_.chance(50)) world_.clock.advance(seconds(5));
        first_ = fields_of(world_, key_);
        target_first_ = fields_of(world_, target_);
    }

    void make_operations() {
        // Two mounts that lose entries to such a service, and put them back, are beyond help.
        const size_t mounts = drops_ || world_.chance(15) ? 1 : 2 + world_.below(2);
        shared_names_ = world_.chance(40);
        for (size_t m = 0; m < mounts; ++m) {
            mounts_.push_back(std::make_unique<Mount>(world_, m, drops_));
            const size_t count = 1 + world_.below(5);
            for (size_t i = 0; i < count; ++i) add(m, kind_for(m, i, count));
        }
    }

    Kind kind_for(size_t mount, size_t i, size_t count) {
        if (theme_ == Theme::renames && mount == 0 && i + 1 == count) return Kind::rename;
        if (theme_ == Theme::deletes && world_.chance(25)) return Kind::remove;
        const bool uploads = theme_ == Theme::uploads || theme_ == Theme::deletes;
        if (uploads && world_.chance(30))
            // Uploads in parts that overlap take each other's half-finished state for changes.
            return mount != 0 || world_.chance(50) ? Kind::upload : Kind::upload_parts;
        if (theme_ == Theme::side && world_.chance(15)) return Kind::chmod;
        return world_.chance(20) ? Kind::change_all : Kind::change;
    }

    void add(size_t mount, Kind kind) {
        Operation operation;
        operation.kind = kind;
        operation.id = world_.operations.size();
        operation.mount = mount;
        operation.key = key_;
        const std::string value = "m" + std::to_string(mount) + "v" + std::to_string(operation.id);
        switch (kind) {
            case Kind::change:
                add_edit(operation, value, theme_ != Theme::edits && theme_ != Theme::markers);
                break;
            case Kind::change_all:
                for (size_t n = 1 + world_.below(3); n > 0; --n) add_edit(operation, value, false);
                break;
            case Kind::chmod:
                operation.edits["user:mode"] = std::to_string(0100000 + operation.id);
                break;
            case Kind::upload:
            case Kind::upload_parts:
                if (world_.chance(40)) add_edit(operation, value, false);
                operation.edits["body"] = "body " + value;
                break;
            case Kind::remove:
                operation.removes_all = true;
                break;
            case Kind::rename:
                operation.to = target_;
                operation.no_replace = world_.chance(40);
                break;
        }
        mounts_[mount]->operations.push_back(operation.id);
        world_.operations.push_back(std::move(operation));
    }

    void add_edit(Operation& operation, const std::string& value, bool any_part) {
        const std::string owner =
            shared_names_ ? "n" : std::string(1, static_cast<char>('a' + operation.mount));
        const std::string number = std::to_string(world_.below(3));
        const FieldValue wanted = world_.chance(20) ? FieldValue() : FieldValue(value);
        const size_t dice = any_part ? world_.below(10) : world_.below(7);
        if (dice < 6) {
            operation.edits["user:" + owner + number] = wanted;
        } else if (dice == 6) {
            operation.edits["http:content-language"] = wanted;
        } else if (dice < 9) {
            operation.edits["tag:" + owner + number] = wanted;
        } else {
            // One ACL for each mount: what is there in the end says who put it there.
            static constexpr const char* kOss[] = {"public-read-write", "private", "default"};
            static constexpr const char* kS3[] = {"public-read-write", "authenticated-read",
                                                  "private"};
            const bool oss = world_.bucket.traits().dialect == "oss";
            operation.edits["acl"] = (oss ? kOss : kS3)[operation.mount];
        }
    }

    // False when it does not come to an end.
    bool play() {
        for (size_t m = 0; m < mounts_.size(); ++m)
            fibers_[m].start([this, m] { mounts_[m]->run(); });
        for (size_t steps = 0; steps < 100'000; ++steps) {
            if (!world_.late.empty() && world_.chance(5)) deliver_one();
            std::vector<size_t> awake;
            TimePoint earliest = TimePoint::never();
            bool all_ended = true;
            for (size_t m = 0; m < mounts_.size(); ++m) {
                if (fibers_[m].ended()) continue;
                all_ended = false;
                const auto& wakes = mounts_[m]->clock.wakes;
                if (wakes && world_.clock.now() < *wakes)
                    earliest = std::min(earliest, *wakes);
                else
                    awake.push_back(m);
            }
            if (all_ended) return true;
            if (awake.empty())
                world_.clock.advance(earliest - world_.clock.now());
            else
                fibers_[awake[world_.below(awake.size())]].resume();
            if (world_.chance(4)) world_.clock.advance(milliseconds(world_.below(1500)));
        }
        return false;
    }

    void deliver_one() {
        const auto apply = std::move(world_.late.front());
        world_.late.pop_front();
        world_.say("late:");
        world_.any_came_late = true;
        apply();
    }
    void deliver_the_rest() {
        while (!world_.late.empty()) {
            world_.clock.advance(milliseconds(world_.below(1500)));
            deliver_one();
        }
    }

    std::string judge() const {
        for (const Operation& operation : world_.operations)
            if (operation.error.find("could not be put back") != std::string::npos ||
                operation.error.find("could not be applied again") != std::string::npos)
                return {};  // something was lost, and that was said
        // What such a service makes of a copy that comes late, nobody looks at any more.
        if (drops_ && world_.any_came_late) return {};
        if (theme_ != Theme::renames) return judge_schedule(world_, key_, first_);
        return judge_rename();
    }

    std::string judge_rename() const {
        const auto renamed =
            std::find_if(world_.operations.begin(), world_.operations.end(),
                         [](const Operation& operation) { return operation.kind == Kind::rename; });
        const bool there = !fields_of(world_, key_).empty();
        if (renamed->state == State::acknowledged && there) return "the source is still there";
        if (renamed->state == State::failed && !there) return "the source is gone";
        if (renamed->no_replace && !target_first_.empty()) {
            if (renamed->state == State::acknowledged) return "an existing target was replaced";
            if (fields_of(world_, target_) != target_first_) return "the target was changed";
        }
        return judge_schedule(world_, there ? key_ : target_, first_);
    }

    std::vector<Fiber>& fibers_;
    World world_;
    std::vector<std::unique_ptr<Mount>> mounts_;
    Theme theme_ = Theme::edits;
    bool shared_names_ = false;
    bool drops_ = false;
    ObjectKey key_;
    const ObjectKey target_{"target"};
    std::map<Field, std::string> first_;
    std::map<Field, std::string> target_first_;
};

uint64_t from_environment(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Interleavings, every_acknowledged_change_is_there_and_nothing_else_changed) {
    std::vector<Fiber> fibers(3);
    if (const uint64_t seed = from_environment("XBUCKET_SEED", 0); seed != 0) {
        EXPECT_EQ(Schedule(seed, fibers, true).run(), "") << "seed " << seed;
        return;
    }
    set_log_level(LogLevel::off);
    const uint64_t first = from_environment("XBUCKET_FIRST_SEED", 1);
    const uint64_t count = from_environment("XBUCKET_SCHEDULES", 100'000);
    for (uint64_t seed = first; seed < first + count; ++seed) {
        const std::string wrong = Schedule(seed, fibers, false).run();
        if (wrong.empty()) continue;
        std::cerr << "seed " << seed << ": " << wrong << "; once more, step by step:\n";
        static_cast<void>(Schedule(seed, fibers, true).run());
        FAIL() << "seed " << seed << ": " << wrong << ". XBUCKET_SEED=" << seed << " repeats it";
    }
    std::cout << count << " schedules from seed " << first << "\n";
}

}  // namespace
}  // namespace xbucket::testing
