// SPDX-FileCopyrightText: the xbucket authors
// The facade that fs speaks to: reads through the cache, changes through the journal or the
// updater, and the thread that sends late what may be late.
#include "xbucket/meta/meta_engine.h"

#include "attr_grammar.h"
#include "late_sender.h"
#include "meta_parts.h"
#include "model_lookup.h"
#include "object_moves.h"
#include "reader.h"
#include "updater.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>

namespace xbucket {

namespace {

Error no_attribute() { return fail(ErrorKind::no_such_attribute, "not set"); }

Error root_has_none() {
    return fail(ErrorKind::unsupported,
                "the bucket's root is no object and has no attributes of its own");
}

// Keys that may stand for something without an object: directories and the bucket's root.
bool may_lack_object(const ObjectKey& key) { return key.empty() || key.str().ends_with('/'); }

class Engine final : public MetaEngine {
  public:
    Engine(const MetaConfig& config, ObjectStore& store, Clock& clock)
        : parts_(config, store, clock),
          reader_(parts_),
          updater_(parts_),
          moves_(parts_, updater_),
          sender_(parts_, updater_, moves_) {}
    ~Engine() override { sender_.stop(); }

    Result<void> start() override;

    const AttributeModel& model() const override { return parts_.model; }
    Durability durability() const override { return parts_.config.durability; }
    KeyOrder& order() override { return parts_.order; }

    Result<ObjectStat> stat(const ObjectKey& key, Freshness freshness) override;
    std::optional<Result<ObjectStat>> stat_cached(const ObjectKey& key) override;
    Result<std::string> get_attribute(const ObjectKey& key, std::string_view name) override;
    std::optional<Result<std::string>> get_attribute_cached(const ObjectKey& key,
                                                            std::string_view name) override;
    Result<std::vector<std::string>> list_attributes(const ObjectKey& key) override;
    std::optional<Result<std::vector<std::string>>> list_attributes_cached(
        const ObjectKey& key) override;

    Result<std::string> link_target(const ObjectKey& key) override {
        const Reader::Reading reading = TRY(reader_.complete(key));
        return read_link_target(reading.info->attributes.user).value_or("");
    }

    void prefetch(const std::vector<ObjectKey>& keys, Ahead ahead) override {
        if (!stopped_) reader_.prefetch(keys, ahead == Ahead::metadata_and_tags);
    }
    Knowledge knowledge(const ObjectKey& key) const override { return parts_.cache.knowledge(key); }
    TimePoint absent_until(const ObjectKey& key) const override {
        return parts_.cache.absent_until(key);
    }

    Result<void> change_attribute(const ObjectKey& key, std::string_view name,
                                  std::optional<std::string> value, SetFlag flag) override;
    Result<void> change_attributes(const ObjectKey& key, std::vector<AttrChange> changes) override;
    void record_posix(const ObjectKey& key, const PosixRecord& change) override {
        if (!stopped_ && !key.empty()) sender_.add(key, change);
    }
    Result<void> flush(const ObjectKey& key) override { return sender_.flush(key); }
    Result<void> send_below(const std::string& prefix) override {
        return sender_.send_below(prefix);
    }
    Result<void> flush_directories_below(const std::string& prefix) override {
        return sender_.flush_directories_below(prefix);
    }
    Result<void> take_failure(const ObjectKey& key) override {
        TRY(parts_.behind.take_failures(key, FailureScope::key));
        return parts_.behind.refusal(key);
    }
    Result<void> take_failures_below(const std::string& prefix) override {
        return parts_.behind.take_failures(ObjectKey(prefix), FailureScope::prefix);
    }
    std::string failures_json(const ObjectKey& key) const override {
        return parts_.behind.failures_json(key, failures_of(key));
    }

    using MetaEngine::plan_upload;
    Result<UploadPlan> plan_upload(const ObjectKey& key, const Patch& staged,
                                   Journaled journaled) override {
        return moves_.plan_upload(key, staged, journaled);
    }
    Result<void> recheck_upload(const ObjectKey& key, UploadPlan& plan) override {
        return moves_.recheck_upload(key, plan);
    }
    FinishedUpload finish_upload(const ObjectKey& key, const UploadPlan& plan,
                                 const PutReply& reply, uint64_t size) override {
        reader_.forget_headers(key);
        FinishedUpload finished = moves_.finish_upload(key, plan, reply, size);
        if (!finished.settled) sender_.wake();
        return erasing(std::move(finished));
    }
    Result<ObjectStat> rename(const ObjectKey& from, const ObjectKey& to,
                              bool no_replace) override {
        reader_.forget_headers(from);
        reader_.forget_headers(to);
        return erasing(moves_.rename(from, to, no_replace));
    }
    Result<void> remove(const ObjectKey& key) override {
        reader_.forget_headers(key);
        return erasing(moves_.remove(key));
    }

    void replaced(const ObjectKey& key) override {
        forget(key);
        parts_.pending.drop(key);
        parts_.behind.drop(key);
        parts_.rests.drop(key);
    }

    void observe_listing(const ListPage& page) override;
    void observe_absent(const ObjectKey& key, TimePoint begun) override {
        parts_.cache.observe_absent(key, begun);
    }
    void forget(const ObjectKey& key) override {
        reader_.forget_headers(key);
        parts_.own.drop(key);
        parts_.cache.forget(key);
    }
    void forget_below(const std::string& prefix) override;

    std::string stats_json() const override;
    void set_listener(Listener listener) override { parts_.listener.set(std::move(listener)); }
    Result<void> shutdown() override {
        stopped_ = true;
        auto sent = sender_.shutdown();
        if (sent) sent = parts_.behind.untold_failures();
        parts_.behind.stop();
        return sent;
    }

  private:
    // A directory's are those of everything below it.
    static FailureScope failures_of(const ObjectKey& key) {
        return may_lack_object(key) ? FailureScope::prefix : FailureScope::key;
    }
    // After what may have erased rows of the journal: the disk is to have that soon.
    template <class R>
    R erasing(R result) {
        if (parts_.behind.is_unsynced()) sender_.wake();
        return result;
    }
    Result<bool> journal(const ObjectKey& key, const AttrChange& change);
    Result<void> change_control(const ObjectKey& key, const AttrName& name, bool set);
    Result<std::string> get_known(const ObjectKey& key, const AttrNameView& name);
    Result<std::string> get_control(const ObjectKey& key, std::string_view word);
    Result<std::string> get_tag(const ObjectKey& key, std::string_view tag);
    Result<void> change_fact(const ObjectKey& key, const AttrName& name,
                             const std::optional<std::string>& value);
    Result<void> restore(const ObjectKey& key, const std::string& order);
    Result<std::optional<Tags>> tags_to_list(const ObjectKey& key, const ObjectInfo& info);

    MetaParts parts_;
    Reader reader_;
    Updater updater_;
    ObjectMoves moves_;
    LateSender sender_;
    std::atomic<bool> stopped_{false};
};

Result<void> Engine::start() {
    TRY(parts_.behind.start());
    sender_.wake();
    return {};
}

// ---- reading -----------------------------------------------------------------------------------

Result<ObjectStat> Engine::stat(const ObjectKey& key, Freshness freshness) {
    if (freshness == Freshness::cached)
        if (auto known = stat_cached(key)) return *std::move(known);
    const Reader::Reading reading =
        TRY(freshness == Freshness::current ? reader_.current(key) : reader_.complete(key));
    return parts_.stat_of(key, *reading.info, reading.expires);
}

std::optional<Result<ObjectStat>> Engine::stat_cached(const ObjectKey& key) {
    const PendingRecord pending = parts_.pending.get(key);
    if (parts_.behind.has(key) || !pending.empty()) {
        const auto known = parts_.cache.find(key);
        if (known && known->info)
            return Result<ObjectStat>(parts_.stat_of(key, *known->info, known->expires));
    }
    bool absent = false;
    auto stat = parts_.cache.find_stat(key, &absent);
    if (!stat) return std::nullopt;
    if (absent) return Result<ObjectStat>(fail(ErrorKind::not_found, "not there"));
    if (!pending.empty()) {
        ObjectInfo listed;
        listed.etag = stat->etag;
        listed.size = stat->size;
        listed.type = stat->type;
        stat->posix.merge(meant_for(pending, listed, listed.etag));
    }
    return Result<ObjectStat>(*std::move(stat));
}

std::optional<Result<std::string>> Engine::get_attribute_cached(const ObjectKey& key,
                                                                std::string_view name) {
    const auto view = parse_attr_name(name);
    if (!view || view->kind == AttrKind::foreign) return Result<std::string>(no_attribute());
    switch (view->kind) {
        case AttrKind::user_metadata:
        case AttrKind::http_field:
        case AttrKind::object_fact:
        case AttrKind::storage_class:
        case AttrKind::restore:
            break;
        case AttrKind::tag:
        case AttrKind::acl:
        case AttrKind::url:
        case AttrKind::versions:
        case AttrKind::control:
        case AttrKind::foreign:
            return std::nullopt;
    }
    if (key.empty()) return Result<std::string>(no_attribute());
    const auto known = parts_.cache.find(key);
    if (!known) return std::nullopt;
    if (known->absent) {
        if (may_lack_object(key)) return Result<std::string>(no_attribute());
        return Result<std::string>(fail(ErrorKind::not_found, "not there"));
    }
    if (!known->info) return std::nullopt;
    parts_.facts.counters.cache_hits.fetch_add(1, std::memory_order_relaxed);
    return get_by_view(parts_.traits, parts_.raw, *parts_.shown(key, known->info), *view);
}

Result<std::string> Engine::get_attribute(const ObjectKey& key, std::string_view name) {
    if (auto known = get_attribute_cached(key, name)) return *std::move(known);
    const auto view = parse_attr_name(name);
    if (!view) return no_attribute();
    if (view->kind == AttrKind::control) return get_control(key, view->bare);
    if (key.empty()) return no_attribute();
    auto value = get_known(key, *view);
    if (!value && value.error().kind == ErrorKind::not_found && may_lack_object(key))
        return no_attribute();
    return value;
}

Result<std::string> Engine::get_known(const ObjectKey& key, const AttrNameView& name) {
    if (name.kind == AttrKind::tag) return get_tag(key, name.bare);
    if (name.kind == AttrKind::acl) {
        auto acl = reader_.acl(key);
        if (!acl && acl.error().kind == ErrorKind::unsupported) return no_attribute();
        return acl;
    }
    if (name.kind == AttrKind::versions) return reader_.versions(key);
    if (name.kind == AttrKind::url)
        return parts_.store.presign_get(key, std::chrono::seconds(name.url_seconds));
    const Reader::Reading reading = TRY(reader_.complete(key));
    return get_by_view(parts_.traits, parts_.raw, *parts_.shown(key, reading.info), name);
}

Result<std::string> Engine::get_tag(const ObjectKey& key, std::string_view tag) {
    if (!parts_.traits.tagging) return no_attribute();
    auto tags = reader_.tags(key);
    if (!tags) {
        if (tags.error().kind == ErrorKind::unsupported) return no_attribute();
        return std::move(tags).error();
    }
    const auto found = tags->find(tag);
    if (found == tags->end()) return no_attribute();
    return found->second;
}

Result<std::string> Engine::get_control(const ObjectKey& key, std::string_view word) {
    if (word == "stats") return stats_json();
    if (word == "failures") return failures_json(key);
    if (word == "refresh" || key.empty()) return no_attribute();
    auto text = reader_.headers(key);
    if (!text && text.error().kind == ErrorKind::not_found && may_lack_object(key))
        return no_attribute();
    return text;
}

// Tags cost a request of their own: only where HEAD says that there are any. Who mirrors attributes
// takes those not listed for removed: they are left out only where they cannot be had at all.
Result<std::optional<Tags>> Engine::tags_to_list(const ObjectKey& key, const ObjectInfo& info) {
    if (!parts_.traits.tagging || info.tag_count.value_or(0) == 0) return parts_.cache.tags(key);
    auto tags = reader_.tags(key);
    if (tags) return std::optional(*std::move(tags));
    const ErrorKind kind = tags.error().kind;
    if (kind == ErrorKind::access_denied || kind == ErrorKind::unsupported ||
        kind == ErrorKind::not_found)
        return std::optional<Tags>();
    return std::move(tags).error().with_context("reading the tags");
}

Result<std::vector<std::string>> Engine::list_attributes(const ObjectKey& key) {
    if (key.empty()) return std::vector<std::string>{};
    const auto reading = reader_.complete(key);
    if (!reading) {
        if (reading.error().kind == ErrorKind::not_found && may_lack_object(key))
            return std::vector<std::string>{};
        return reading.error();
    }
    const auto tags = TRY(tags_to_list(key, *reading->info));
    return parts_.model.list(key, *parts_.shown(key, reading->info), tags,
                             {.all = parts_.config.list_all});
}

std::optional<Result<std::vector<std::string>>> Engine::list_attributes_cached(
    const ObjectKey& key) {
    using Names = Result<std::vector<std::string>>;
    if (key.empty()) return Names(std::vector<std::string>{});
    const auto known = parts_.cache.find(key);
    if (!known) return std::nullopt;
    if (known->absent) {
        if (may_lack_object(key)) return Names(std::vector<std::string>{});
        return Names(fail(ErrorKind::not_found, "not there"));
    }
    if (!known->info) return std::nullopt;
    auto tags = parts_.cache.tags(key);
    if (!tags && parts_.traits.tagging && known->info->tag_count.value_or(0) != 0)
        return std::nullopt;
    return Names(parts_.model.list(key, *parts_.shown(key, known->info), tags,
                                   {.all = parts_.config.list_all}));
}

// ---- changing ----------------------------------------------------------------------------------

Result<void> Engine::change_attribute(const ObjectKey& key, std::string_view name,
                                      std::optional<std::string> value, SetFlag flag) {
    AttrName parsed = TRY(AttrName::parse(name));
    if (parsed.kind == AttrKind::foreign)
        return fail(ErrorKind::unsupported,
                    fmt::format("{} is outside user.: a bucket stores no such attributes",
                                printable(name)));
    if (stopped_) return fail(ErrorKind::cancelled, "the mount is going down");
    if (parsed.kind == AttrKind::control) return change_control(key, parsed, value.has_value());
    if (parsed.kind == AttrKind::object_fact || parsed.kind == AttrKind::url ||
        parsed.kind == AttrKind::versions)
        return change_fact(key, parsed, value);
    if (key.empty()) return root_has_none();
    reader_.forget_headers(key);
    if (parsed.kind == AttrKind::restore) {
        if (!value) return fail(ErrorKind::not_permitted, "a restore cannot be taken back");
        return restore(key, *value);
    }
    AttrChange change;
    change.name = std::move(parsed);
    change.value = std::move(value);
    change.flag = flag;
    if (TRY(journal(key, change))) return {};
    return updater_.change(key, std::move(change));
}

// True: the journal has it, or it is there already. False: it is to be sent at once, because it is
// not of the kind that may wait, there is nothing yet that it would be a change of, or the journal
// is full, in which case whoever sets attributes is as fast as the service.
Result<bool> Engine::journal(const ObjectKey& key, const AttrChange& change) {
    WriteBehind& behind = parts_.behind;
    if (!behind.accepts() || !can_wait(change.name.kind)) return false;
    if (behind.is_full()) {
        sender_.hurry();
        return false;
    }
    const KeyOrder::Turn turn = parts_.order.acquire(key);
    for (bool fresh = false;; fresh = true) {
        const auto reading = fresh ? reader_.current(key) : reader_.complete(key);
        if (!reading) {
            if (reading.error().kind == ErrorKind::not_found && may_lack_object(key)) return false;
            return reading.error();
        }
        if (reading->info->missing_metadata > 0) return false;  // the update says why not
        const SharedInfo shown = parts_.shown(key, reading->info);
        ObjectAttributes after = shown->attributes;
        const auto applied = parts_.model.apply(key, change, after);
        const bool changes = applied && after != shown->attributes;
        // "There already", EEXIST and ENODATA are not said from memory.
        if (!changes && !fresh) continue;
        if (!applied) return applied.error();
        if (!changes) return true;
        const auto first =
            behind.keep(key, change, *reading->info, parts_.service_clock.at(parts_.clock.now()));
        if (!first) {
            log_warning("meta", "event=journal_not_written reason=\"{}\" note=\"sent at once\"",
                        first.error().describe());
            return false;
        }
        if (change.name.kind == AttrKind::user_metadata)
            parts_.pending.supersede(key, change.name.bare);
        if (*first) sender_.wake();
        return true;
    }
}

Result<void> Engine::change_control(const ObjectKey& key, const AttrName& name, bool set) {
    if (name.bare == "refresh") {
        if (!set) return fail(ErrorKind::not_permitted, "user.xbucket.refresh can only be written");
        forget_below(key.str());
        return {};
    }
    if (name.bare == "failures" && !set) {
        parts_.behind.forget_failures(key, failures_of(key));
        return {};
    }
    return change_fact(key, name, set ? std::optional<std::string>("") : std::nullopt);
}

Result<void> Engine::change_attributes(const ObjectKey& key, std::vector<AttrChange> changes) {
    Patch together;
    std::vector<AttrChange> single;
    for (AttrChange& change : changes) {
        const bool copied = change.name.kind == AttrKind::user_metadata ||
                            change.name.kind == AttrKind::http_field ||
                            change.name.kind == AttrKind::storage_class;
        (copied ? together.changes : single).push_back(std::move(change));
    }
    if (!together.empty()) {
        if (key.empty()) return root_has_none();
        if (stopped_) return fail(ErrorKind::cancelled, "the mount is going down");
        reader_.forget_headers(key);
        auto changed = updater_.change_all(key, together);
        const bool gone = !changed && changed.error().kind == ErrorKind::no_such_attribute;
        if (!changed && !gone) return changed;
        // One of those to remove is not there: each by itself tells which, and takes the others.
        if (gone)
            std::move(together.changes.begin(), together.changes.end(),
                      std::inserter(single, single.begin()));
    }
    // One that cannot be changed keeps no other from it.
    Result<void> first;
    for (AttrChange& change : single) {
        auto changed = change_attribute(key, change.name.full, change.value, change.flag);
        const bool gone =
            !changed && !change.value && changed.error().kind == ErrorKind::no_such_attribute;
        if (!changed && !gone && first) first = std::move(changed);
    }
    return first;
}

// Read-only, except that writing what is there succeeds: copiers write back what they listed.
Result<void> Engine::change_fact(const ObjectKey& key, const AttrName& name,
                                 const std::optional<std::string>& value) {
    if (value && name.kind == AttrKind::object_fact) {
        const auto now = get_attribute(key, name.full);
        if (now && *now == *value) return {};
    }
    return fail(ErrorKind::not_permitted,
                fmt::format("{} cannot be {}: it is what the service says", printable(name.full),
                            value ? "set" : "removed"));
}

// "DAYS" or "DAYS:TIER" (Expedited, Standard, Bulk).
Result<void> Engine::restore(const ObjectKey& key, const std::string& order) {
    const size_t colon = std::min(order.find(':'), order.size());
    const auto days = parse_u64(std::string_view(order).substr(0, colon));
    constexpr uint64_t kDaysMax = 365;
    if (!days || *days == 0 || *days > kDaysMax)
        return fail(ErrorKind::invalid_argument,
                    "write DAYS or DAYS:TIER, for instance 7 or 7:Standard; at most 365 days");
    const std::string tier = colon < order.size() ? order.substr(colon + 1) : std::string();
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (colon < order.size() && (tier.empty() || !std::all_of(tier.begin(), tier.end(), is_letter)))
        return fail(ErrorKind::invalid_argument, "a tier is one word: Expedited, Standard or Bulk");
    const KeyOrder::Turn turn = parts_.order.acquire(key);
    std::optional<unsigned> for_days = static_cast<unsigned>(*days);
    const std::string& to_stay = parts_.traits.class_restored_for_good;
    if (!to_stay.empty()) {
        const Reader::Reading reading = TRY(reader_.complete(key));
        if (reading.info->attributes.storage_class == to_stay) for_days.reset();
    }
    auto restored = parts_.store.restore(key, for_days, tier, kUpdateCall);
    parts_.own.drop(key);
    parts_.cache.forget(key);
    return restored;
}

// ---- cache and the rest ------------------------------------------------------------------------

void Engine::observe_listing(const ListPage& page) {
    for (const ListEntry* changed : parts_.cache.observe(page)) {
        parts_.own.drop_unless(changed->key, [&](const ObjectInfo& left) {
            return left.etag == changed->etag &&
                   left.last_modified.seconds() == changed->last_modified.seconds();
        });
        if (const auto stat = stat_cached(changed->key); stat && *stat)
            parts_.announce(changed->key, **stat);
    }
}

void Engine::forget_below(const std::string& prefix) {
    reader_.forget_headers(ObjectKey(prefix));
    if (prefix.empty() || prefix.ends_with('/')) {
        parts_.own.drop_below(prefix);
        parts_.cache.forget_below(prefix);
    } else {
        parts_.own.drop(ObjectKey(prefix));
        parts_.cache.forget(ObjectKey(prefix));
    }
}

std::string Engine::stats_json() const {
    const ObjectStore::Stats stats = parts_.store.stats();
    std::string requests;
    for (const auto& [kind, count] : stats.requests)
        requests += fmt::format("{}\"{}\":{}", requests.empty() ? "" : ",", kind, count);
    return fmt::format(
        R"({{"requests":{{{}}},"retries":{},"bytes_in":{},"bytes_out":{},"in_flight":{},)"
        R"({},"cache_entries":{},"cache_bytes":{},"updates_queued":{},"posix_pending":{},)"
        R"("journal":{}}})",
        requests, stats.retries, stats.bytes_in, stats.bytes_out, stats.in_flight,
        parts_.facts.json(), parts_.cache.entries(), parts_.cache.bytes(), updater_.queued(),
        parts_.pending.size(), parts_.behind.json());
}

}  // namespace

Result<std::unique_ptr<MetaEngine>> make_meta_engine(const MetaConfig& config, ObjectStore& store,
                                                     Clock& clock) {
    if (config.durability == Durability::timed && config.journal_directory.empty())
        return fail(ErrorKind::invalid_argument,
                    "write-behind (-o commit=TIME) needs a directory for its journal");
    MetaConfig seeded = config;
    seeded.seed = seed_or_random(seeded.seed);
    return std::unique_ptr<MetaEngine>(std::make_unique<Engine>(seeded, store, clock));
}

}  // namespace xbucket
