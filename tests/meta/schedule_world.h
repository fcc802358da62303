// SPDX-FileCopyrightText: the xbucket authors
// One service, and mounts that reach it over a network that a seed decides about: who goes on
// next, how long a request takes, which one is refused, loses its way or its reply, is repeated, or
// arrives when its sender has long given up. Everything runs on one thread, in fibers, so that a
// seed is a schedule. All that happens is written down for schedule_oracle.h to judge.
#pragma once

#include "support/fake_clock.h"
#include "support/fiber.h"
#include "support/memory_bucket.h"

#include "xbucket/store/object_store.h"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace xbucket::testing {

// "body", "acl", "user:NAME", "http:FIELD", "tag:KEY".
using Field = std::string;
using FieldValue = std::optional<std::string>;  // nullopt: not there

// What moves together, and is read together.
enum class Part : unsigned { object, tags, acl };
inline constexpr size_t kPartCount = 3;
Part part_of(const Field& field);

// What one program asked of one mount, and what it was told.
struct Operation {
    enum class Kind { change, change_all, chmod, upload, upload_parts, remove, rename };
    enum class State { waiting, running, acknowledged, failed, unknown };
    Kind kind = Kind::change;
    size_t id = 0;
    size_t mount = 0;
    ObjectKey key;
    ObjectKey to;  // rename
    bool no_replace = false;
    std::map<Field, FieldValue> edits;  // what it is to leave there
    bool removes_all = false;           // every field becomes "not there"
    State state = State::waiting;
    size_t attempts = 0;  // of uploads
    uint64_t began = 0;
    uint64_t ended = UINT64_MAX;
    std::string error;
};
std::string describe(const Operation& operation);

// One change as the service made it.
struct Mutation {
    std::string what;
    uint64_t at = 0;
    TimePoint when;
    size_t operation = 0;
    size_t mount = 0;
    ObjectKey key;
    // For each part that it wrote: since when what it wrote was known. What others made of that
    // part between then and `at` is gone. Equal to `at` where a condition excluded that.
    std::array<std::optional<uint64_t>, kPartCount> written;
};

struct World {
    World(const MemoryService& service, uint64_t seed)
        : random(seed),
          clock(WallTime::from_seconds(1'700'000'000) + std::chrono::milliseconds(seed % 1000)),
          bucket(service, clock) {}

    size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); }
    bool chance(unsigned percent) { return below(100) < percent; }
    // Numbers everything that happens.
    uint64_t next() { return ++time; }
    // For whoever looks into one seed.
    template <class... Args>
    void say(fmt::format_string<Args...> format, Args&&... args) const {
        if (tracing) print(fmt::format(format, std::forward<Args>(args)...));
    }
    void print(const std::string& line) const;

    std::mt19937_64 random;
    FakeClock clock;
    MemoryBucket bucket;
    unsigned fault_percent = 0;
    // Conditions are judged when a copy arrives, and it is made a moment later (Ceph's gateway).
    bool judges_before_it_writes = false;
    bool tracing = false;
    uint64_t time = 0;
    bool any_came_late = false;
    std::deque<std::function<void()>> late;  // on their way, their senders gave up on them
    std::vector<Operation> operations;
    std::vector<Mutation> mutations;
};

// A mount's clock: sleeping is the scheduler's business.
class ScheduledClock final : public Clock {
  public:
    explicit ScheduledClock(World& world) : world_(world) {}
    TimePoint now() const override { return world_.clock.now(); }
    WallTime wall_now() const override { return world_.clock.wall_now(); }
    void sleep_for(Duration d) override;
    bool is_real() const override { return false; }

    std::optional<TimePoint> wakes;  // while asleep

  private:
    World& world_;
};

// One mount's way to the service. What these tests do not need is refused.
class ScheduledStore final : public ObjectStore {
  public:
    ScheduledStore(World& world, ScheduledClock& clock, size_t mount)
        : world_(world), clock_(clock), mount_(mount) {}

    size_t operation = 0;  // on whose behalf requests are made

    const StoreTraits& traits() const override { return world_.bucket.traits(); }
    Result<HeadReply> head(const ObjectKey& key, const CallOptions& options) override;
    FacetReplies read_facets(const ObjectKey& key, Facets facets,
                             const CallOptions& options) override;
    Result<ObjectInfo> get(const GetRequest& request, GetSink& sink,
                           const CallOptions& options) override;
    Result<PutReply> put(const PutRequest& request, const CallOptions& options) override;
    Result<CopyReply> copy(const CopyRequest& request, const CallOptions& options) override;
    Result<void> remove(const ObjectKey& key, const ETag& if_match,
                        const CallOptions& options) override;
    Result<UploadId> create_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                   const CallOptions& options) override;
    Result<UploadPart> upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                   std::shared_ptr<BodySource> body,
                                   const CallOptions& options) override;
    Result<PutReply> complete_upload(const ObjectKey& key, const UploadId& id,
                                     const std::vector<UploadPart>& parts,
                                     const std::optional<ETag>& if_match,
                                     const CallOptions& options) override;
    Result<void> abort_upload(const ObjectKey& key, const UploadId& id,
                              const CallOptions& options) override;
    Result<Tags> get_tags(const ObjectKey& key, const CallOptions& options) override;
    Result<void> put_tags(const ObjectKey& key, const Tags& tags,
                          const CallOptions& options) override;
    Result<std::string> get_acl(const ObjectKey& key, const CallOptions& options) override;
    Result<void> put_acl(const ObjectKey& key, const std::string& canned,
                         const CallOptions& options) override;

    void head_async(const ObjectKey&, const CallOptions&,
                    std::function<void(Result<HeadReply>)> done) override {
        done(not_here());
    }
    Result<PutReply> append(const ObjectKey&, uint64_t, std::shared_ptr<BodySource>,
                            const CallOptions&) override {
        return not_here();
    }
    Result<ListPage> list(const ListRequest&, const CallOptions&) override { return not_here(); }
    Result<std::vector<DeleteFailure>> remove_many(const std::vector<ObjectKey>&,
                                                   const CallOptions&) override {
        return not_here();
    }
    Result<UploadPart> upload_part_copy(const ObjectKey&, const UploadId&, unsigned,
                                        const ObjectKey&, uint64_t, uint64_t, const ETag&,
                                        const CallOptions&) override {
        return not_here();
    }
    Result<std::vector<PendingUpload>> list_uploads(const std::string&,
                                                    const CallOptions&) override {
        return not_here();
    }
    Result<void> restore(const ObjectKey&, std::optional<unsigned>, const std::string&,
                         const CallOptions&) override {
        return not_here();
    }
    Result<void> put_symlink(const ObjectKey&, const ObjectKey&, const ObjectAttributes&,
                             const CallOptions&) override {
        return not_here();
    }
    Result<ObjectKey> get_symlink(const ObjectKey&, const CallOptions&) override {
        return not_here();
    }
    Result<std::string> presign_get(const ObjectKey&, std::chrono::seconds) override {
        return not_here();
    }
    Result<void> check_access(const CallOptions&) override { return not_here(); }
    Result<std::string> versioning(const CallOptions&) override { return not_here(); }
    Result<VersionList> list_versions(const ObjectKey&, size_t, const CallOptions&) override {
        return not_here();
    }
    Stats stats() const override { return {}; }

  private:
    using Written = std::array<std::optional<uint64_t>, kPartCount>;
    static Error not_here() { return Error(ErrorKind::unsupported, "not in these schedules"); }

    void travel();
    bool fails() { return world_.chance(world_.fault_percent); }
    template <class Reply, class Ask>
    Result<Reply> read(const char* what, const ObjectKey& key, std::optional<Part> part, Ask ask);
    template <class Reply, class Apply>
    Result<Reply> mutate(const char* what, const ObjectKey& key, Written written, Apply apply);
    template <class Reply, class Apply>
    Result<Reply> carry_out(const char* what, const ObjectKey& key, const Written& written,
                            size_t on_behalf, const Apply& apply);
    bool uploads_parts() const;
    uint64_t put_back_since(Part part) const;
    uint64_t known_since(const ObjectKey& key, Part part) const;
    Written all_parts(const ObjectKey& key) const;

    World& world_;
    ScheduledClock& clock_;
    const size_t mount_;
    struct Reading {
        uint64_t at = 0;
        TimePoint when;
    };
    std::map<std::pair<std::string, Part>, Reading> last_read_;
    std::map<std::pair<size_t, Part>, uint64_t> first_read_;  // by operation
    uint64_t last_part_at_ = 0;
    uint64_t last_complete_at_ = 0;
    uint64_t last_own_at_ = 0;  // this mount's last change, as far as it was told
    bool gone_during_upload_ = false;
};

}  // namespace xbucket::testing
