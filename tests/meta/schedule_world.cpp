// SPDX-FileCopyrightText: the xbucket authors
#include "schedule_world.h"

#include "support/memory_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

namespace xbucket::testing {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An ACL may be as old as this when it is sent again: a second, and the request's own time.
constexpr Duration kAclAge = milliseconds(2500);
// The guard is judged with the copy, by itself.
constexpr uint64_t kGuarded = UINT64_MAX;

Error timeout(bool unknown) {
    Error error(ErrorKind::timed_out, "injected");
    error.outcome_unknown = unknown;
    return error;
}

}  // namespace

Part part_of(const Field& field) {
    if (field == "acl") return Part::acl;
    return field.starts_with("tag:") ? Part::tags : Part::object;
}

std::string describe(const Operation& operation) {
    static constexpr const char* kKinds[] = {"change",       "change_all", "chmod", "upload",
                                             "upload_parts", "remove",     "rename"};
    static constexpr const char* kStates[] = {"waiting", "running", "acknowledged", "failed",
                                              "unknown"};
    std::string text =
        fmt::format("#{} mount={} {} {}", operation.id, operation.mount,
                    kKinds[static_cast<size_t>(operation.kind)], operation.key.str());
    if (!operation.to.empty()) text += " to " + operation.to.str();
    for (const auto& [field, value] : operation.edits)
        text += fmt::format(" {}={}", field, value.value_or("(none)"));
    text += fmt::format(" [{}..{}] {}", operation.began,
                        operation.ended == UINT64_MAX ? 0 : operation.ended,
                        kStates[static_cast<size_t>(operation.state)]);
    if (!operation.error.empty()) text += ": " + operation.error;
    return text;
}

void World::print(const std::string& line) const {
    std::cerr << fmt::format("{:6} {:9} ", time,
                             clock.wall_now().since_epoch.count() / 1'000'000 % 1'000'000'000)
              << line << "\n";
}

void ScheduledClock::sleep_for(Duration d) {
    wakes = now() + d;
    while (now() < *wakes) Fiber::yield();
    wakes.reset();
}

// A request or a reply is on its way: others may go on meanwhile, and time may pass.
void ScheduledStore::travel() {
    Fiber::yield();
    if (world_.chance(30)) world_.clock.advance(milliseconds(world_.below(300)));
}

bool ScheduledStore::uploads_parts() const {
    const auto head = last_read_.find({world_.operations[operation].key.str(), Part::object});
    return world_.operations[operation].kind == Operation::Kind::upload_parts &&
           head != last_read_.end() && last_part_at_ >= head->second.at;
}

template <class Reply, class Ask>
Result<Reply> ScheduledStore::read(const char* what, const ObjectKey& key, std::optional<Part> part,
                                   Ask ask) {
    travel();
    if (fails()) {
        world_.say("mount={} {} {} fails", mount_, what, key.str());
        return world_.chance(50) ? Error(ErrorKind::throttled, "injected") : timeout(false);
    }
    const uint64_t at = world_.next();
    Result<Reply> reply = ask();
    world_.say("mount={} {} {} {}", mount_, what, key.str(), reply ? "ok" : reply.error().message);
    travel();
    // What was read goes up although the object was deleted meanwhile: both orders are as good.
    const bool gone = !reply && reply.error().kind == ErrorKind::not_found;
    gone_during_upload_ = gone && uploads_parts();
    if (part && !gone_during_upload_) {
        last_read_[{key.str(), *part}] = {at, clock_.now()};
        first_read_.try_emplace({operation, *part}, at);
    }
    return reply;
}

template <class Reply, class Apply>
Result<Reply> ScheduledStore::carry_out(const char* what, const ObjectKey& key,
                                        const Written& written, size_t on_behalf,
                                        const Apply& apply) {
    Result<Reply> reply = apply();
    const uint64_t at = world_.next();
    world_.say("mount={} {} {} {}", mount_, what, key.str(),
               reply ? "applied" : reply.error().message);
    if (!reply) return reply;
    Mutation mutation{what, at, clock_.now(), on_behalf, mount_, key, written};
    for (auto& since : mutation.written)
        if (since == kGuarded) since = at;
    world_.mutations.push_back(std::move(mutation));
    return reply;
}

template <class Reply, class Apply>
Result<Reply> ScheduledStore::mutate(const char* what, const ObjectKey& key, Written written,
                                     Apply apply) {
    const size_t on_behalf = operation;
    const auto carry = [this, what, key, written, on_behalf, apply] {
        return carry_out<Reply>(what, key, written, on_behalf, apply);
    };
    travel();
    Result<Reply> reply = timeout(true);
    if (!fails()) {
        reply = carry();
    } else {
        switch (world_.below(5)) {
            case 0:
                world_.say("mount={} {} {} refused", mount_, what, key.str());
                reply = Error(ErrorKind::throttled, "injected");
                break;
            case 1:
                static_cast<void>(carry().has_value());
                world_.say("... and the reply is lost");
                break;
            case 2:
                world_.say("mount={} {} {} is lost", mount_, what, key.str());
                break;
            case 3:  // a client library repeats the request, and meets its own success
                static_cast<void>(carry().has_value());
                travel();
                reply = carry();
                break;
            default:
                world_.say("mount={} {} {} will be late", mount_, what, key.str());
                // Its sender has gone on by then, and what it noted for later with it.
                for (auto& since : written)
                    if (since && *since != kGuarded)
                        since = std::min(*since, world_.operations[on_behalf].began);
                world_.late.push_back([this, what, key, written, on_behalf, apply] {
                    static_cast<void>(
                        carry_out<Reply>(what, key, written, on_behalf, apply).has_value());
                });
        }
    }
    if (reply) last_own_at_ = world_.time;
    travel();
    return reply;
}

// What is written without a condition destroys what happened since it was read.
uint64_t ScheduledStore::known_since(const ObjectKey& key, Part part) const {
    const auto found = last_read_.find({key.str(), part});
    return found == last_read_.end() ? world_.time : found->second.at;
}

ScheduledStore::Written ScheduledStore::all_parts(const ObjectKey& key) const {
    return {known_since(key, Part::object), known_since(key, Part::tags),
            known_since(key, Part::acl)};
}

Result<HeadReply> ScheduledStore::head(const ObjectKey& key, const CallOptions&) {
    return read<HeadReply>("HEAD", key, Part::object, [&]() -> Result<HeadReply> {
        const ObjectInfo info = TRY(world_.bucket.head(key));
        // Where a count is told, "none" says it all.
        if (world_.bucket.service().tag_count_told && info.tag_count.value_or(0) == 0)
            last_read_[{key.str(), Part::tags}] = {world_.time, clock_.now()};
        return HeadReply{info, {}};
    });
}

// At the same time: any of them may be answered first.
FacetReplies ScheduledStore::read_facets(const ObjectKey& key, Facets facets,
                                         const CallOptions& options) {
    FacetReplies replies;
    std::array<unsigned, kPartCount> order{0, 1, 2};
    if (int{facets.head} + int{facets.acl} + int{facets.tags} > 1)
        std::shuffle(order.begin(), order.end(), world_.random);
    for (const unsigned part : order) {
        if (part == 0 && facets.head) replies.head = head(key, options);
        if (part == 1 && facets.acl) replies.acl = get_acl(key, options);
        if (part == 2 && facets.tags) replies.tags = get_tags(key, options);
    }
    return replies;
}

Result<ObjectInfo> ScheduledStore::get(const GetRequest& request, GetSink& sink,
                                       const CallOptions&) {
    return read<ObjectInfo>("GET", request.key, std::nullopt, [&]() -> Result<ObjectInfo> {
        const MemoryBucket::Content content = TRY(world_.bucket.get(request));
        TRY(sink.on_info(content.info));
        return content.info;
    });
}

Result<PutReply> ScheduledStore::put(const PutRequest& request, const CallOptions&) {
    const SharedBytes body = TRY(read_body(request.body.get()));
    PutRequest sent = request;
    sent.body.reset();
    const MemoryService& service = world_.bucket.service();
    const bool heeded =
        service.put_must_not_exist &&
        !(service.must_not_exist_ignored_when_versioned && !service.versioning.empty());
    Written written = all_parts(request.key);
    if (request.must_not_exist && heeded) written.fill(kGuarded);
    return mutate<PutReply>("PUT", request.key, written,
                            [this, sent, body] { return world_.bucket.put(sent, body); });
}

Result<CopyReply> ScheduledStore::copy(const CopyRequest& request, const CallOptions&) {
    const ObjectKey& key = request.destination;
    const MemoryService& service = world_.bucket.service();
    Written written = all_parts(request.source);
    // From memory, which is no reading.
    const auto acl = last_read_.find({key.str(), Part::acl});
    if (acl != last_read_.end() && clock_.now() - acl->second.when > kAclAge)
        written[static_cast<size_t>(Part::acl)] = world_.time;
    const bool tags_sent = request.replace && request.replace->tags;
    if (!tags_sent && service.tags_kept_by_replace) written[1].reset();
    if (request.source != key) {
        // A rename: whatever happens to the source until it is deleted is the delete's doing.
        written.fill(world_.time);
    } else if (service.copy_conditions && !world_.judges_before_it_writes) {
        written[0] = kGuarded;
    }
    // What follows an upload makes again what others did during it, on top of what they did since.
    const bool follows_upload =
        world_.operations[operation].kind == Operation::Kind::upload_parts &&
        last_complete_at_ != 0;
    if (follows_upload) written[0] = last_complete_at_;
    if (!world_.judges_before_it_writes || !service.copy_conditions)
        return mutate<CopyReply>("COPY", key, written,
                                 [this, request] { return world_.bucket.copy(request); });
    travel();
    world_.next();
    if (auto judged = world_.bucket.judge(request); !judged) {
        world_.say("mount={} COPY {} {}", mount_, key.str(), judged.error().message);
        travel();
        return std::move(judged).error();
    }
    // Within a second of its own last change a mount takes the condition for a lock, which it is
    // not here: what counts is what it saw last.
    if (written[0] && !follows_upload)
        written[0] = std::max(last_own_at_, known_since(key, Part::object));
    CopyRequest unguarded = request;
    unguarded.guard = {};
    return mutate<CopyReply>("COPY", key, written,
                             [this, unguarded] { return world_.bucket.copy(unguarded); });
}

Result<void> ScheduledStore::remove(const ObjectKey& key, const ETag& if_match,
                                    const CallOptions&) {
    const bool renames = world_.operations[operation].kind == Operation::Kind::rename;
    Written written = all_parts(key);
    if (!renames) written.fill(world_.time);
    return mutate<void>("DELETE", key, written,
                        [this, key, if_match] { return world_.bucket.remove(key, if_match); });
}

Result<UploadId> ScheduledStore::create_upload(const ObjectKey& key,
                                               const ObjectAttributes& attributes,
                                               const CallOptions&) {
    return mutate<UploadId>("CREATE UPLOAD", key, {}, [this, key, attributes] {
        return world_.bucket.create_upload(key, attributes);
    });
}

Result<UploadPart> ScheduledStore::upload_part(const ObjectKey& key, const UploadId& id,
                                               unsigned number, std::shared_ptr<BodySource> body,
                                               const CallOptions&) {
    const SharedBytes bytes = TRY(read_body(body.get()));
    last_part_at_ = world_.time;
    return mutate<UploadPart>("UPLOAD PART", key, {}, [this, key, id, number, bytes] {
        return world_.bucket.upload_part(key, id, number, bytes);
    });
}

Result<PutReply> ScheduledStore::complete_upload(const ObjectKey& key, const UploadId& id,
                                                 const std::vector<UploadPart>& parts,
                                                 const std::optional<ETag>& if_match,
                                                 const CallOptions&) {
    // What was read before the parts were sent is too old to count as a reading.
    Written written = all_parts(key);
    for (auto& since : written)
        if (since && *since < last_part_at_ && !gone_during_upload_) since = world_.time;
    last_complete_at_ = world_.time;
    return mutate<PutReply>("COMPLETE", key, written, [this, key, id, parts, if_match] {
        return world_.bucket.complete_upload(key, id, parts, if_match);
    });
}

Result<void> ScheduledStore::abort_upload(const ObjectKey& key, const UploadId& id,
                                          const CallOptions&) {
    return mutate<void>("ABORT", key, {},
                        [this, key, id] { return world_.bucket.abort_upload(key, id); });
}

Result<Tags> ScheduledStore::get_tags(const ObjectKey& key, const CallOptions&) {
    return read<Tags>("GET TAGS", key, Part::tags, [&] { return world_.bucket.get_tags(key); });
}

// What a service dropped is put back as it was before the copies of this operation.
uint64_t ScheduledStore::put_back_since(Part part) const {
    const auto found = first_read_.find({operation, part});
    return found == first_read_.end() ? world_.time : found->second;
}

Result<void> ScheduledStore::put_tags(const ObjectKey& key, const Tags& tags, const CallOptions&) {
    const auto& edits = world_.operations[operation].edits;
    const bool asked_for = std::any_of(edits.begin(), edits.end(), [](const auto& edit) {
        return part_of(edit.first) == Part::tags;
    });
    Written written{};
    written[static_cast<size_t>(Part::tags)] =
        asked_for ? known_since(key, Part::tags) : put_back_since(Part::tags);
    return mutate<void>("PUT TAGS", key, written,
                        [this, key, tags] { return world_.bucket.put_tags(key, tags); });
}

Result<std::string> ScheduledStore::get_acl(const ObjectKey& key, const CallOptions&) {
    return read<std::string>("GET ACL", key, Part::acl, [&] { return world_.bucket.get_acl(key); });
}

Result<void> ScheduledStore::put_acl(const ObjectKey& key, const std::string& canned,
                                     const CallOptions&) {
    Written written{};
    const bool asked_for = world_.operations[operation].edits.contains("acl");
    written[static_cast<size_t>(Part::acl)] = asked_for ? world_.time : put_back_since(Part::acl);
    return mutate<void>("PUT ACL", key, written,
                        [this, key, canned] { return world_.bucket.put_acl(key, canned); });
}

}  // namespace xbucket::testing
