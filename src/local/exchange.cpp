// SPDX-FileCopyrightText: the xbucket authors
#include "exchange.h"

#include "cors.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <chrono>

namespace xbucket::local {

namespace {

// Above these the services answer a bare 400 and close (protocol.md 4.2).
constexpr size_t kS3HeaderMax = 8U << 10;
constexpr size_t kOssHeaderMax = 16U << 10;

MHD_Result collect_one(void* cls, MHD_ValueKind, const char* key, size_t key_size,
                       const char* value, size_t value_size) {
    auto* headers = static_cast<Headers*>(cls);
    headers->add(std::string(key, key_size),
                 value == nullptr ? std::string() : std::string(value, value_size));
    return MHD_YES;
}

}  // namespace

Exchange::Exchange(Engine& engine, std::string_view target) : engine_(engine) {
    engine_.under_way.fetch_add(1);
    started_ = engine_.site.clock.now();
    target_ok_ = request_.parse_target(target);
    request_id_ = fmt::format("{}{:010X}", engine_.request_id_prefix,
                              engine_.next_request.fetch_add(1) & 0xffffffffffULL);
}

Exchange::~Exchange() {
    if (engine_.log != nullptr && state_ != State::fresh && admin_ != Admin::log) {
        const Duration took = engine_.site.clock.now() - started_;
        engine_.log->write(
            {engine_.site.clock.wall_now(), request_.method, request_.bucket, request_.key,
             request_.raw_query,
             operation_ != nullptr ? to_string(operation_->kind)
                                   : std::string_view(admin_ != Admin::none ? "admin" : "none"),
             status_sent_, bytes_in_, bytes_out_,
             std::chrono::duration<double, std::milli>(took).count(), request_id_},
            owed_);
    }
    engine_.under_way.fetch_sub(1);
}

MHD_Result Exchange::on_access(MHD_Connection* connection, const char* method, const char* data,
                               size_t* size) {
    switch (state_) {
        case State::fresh:
            begin(connection, method);
            // With Expect: 100-continue a refusal now spares the client its body.
            if (refusal_ && request_.headers.has("expect")) return end(connection);
            return MHD_YES;
        case State::receiving:
            if (*size > 0) {
                feed(std::string_view(data, *size));
                *size = 0;
                return MHD_YES;
            }
            return end(connection);
        case State::working:
            return MHD_YES;
        case State::ready:
            return answer(connection);
        case State::queued:
            return MHD_YES;
    }
    return MHD_NO;
}

void Exchange::collect_headers(MHD_Connection* connection) {
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect_one, &request_.headers);
}

void Exchange::begin(MHD_Connection* connection, const char* method) {
    state_ = State::receiving;
    request_.method = method;
    collect_headers(connection);
    request_.dialect = dialect_of(request_);
    auto prepared = prepare();
    if (!prepared) refusal_ = std::move(prepared).error();
}

Outcome<void> Exchange::prepare() {
    size_t header_bytes = 0;
    for (const auto& h : request_.headers) header_bytes += h.name.size() + h.value.size() + 4;
    if (header_bytes > (request_.oss() ? kOssHeaderMax : kS3HeaderMax)) {
        Refusal refusal(400, "RequestHeaderSectionTooLarge", "");
        refusal.bare = true;
        return refusal;
    }
    if (!target_ok_) return Refusal(400, "InvalidURI", "Couldn't parse the specified URI.");
    Site& site = engine_.site;
    if (request_.method == "OPTIONS") {
        preflight_ = true;
        return {};
    }
    const auto readings = ASK(addresses_of(
        request_, [&site](const std::string& name) { return site.db.bucket_exists(name); }));
    // For error replies and the log, until the signature has decided.
    request_.bucket = readings.front().bucket;
    request_.key = readings.front().key;
    const auto key = site.keys.for_request(request_);
    const Authenticated who = ASK(authenticate(request_, readings, *key, site.clock.wall_now()));
    request_.bucket = who.address.bucket;
    request_.key = who.address.key;
    request_.path_style = who.address.path_style;
    request_.anonymous = who.anonymous;
    request_.presigned = who.presigned;
    if (admin_asked() != Admin::none) return prepare_admin(who, *key);
    ASK(check_payer());
    operation_ = ASK(find_operation(request_));
    ASK(check_access(site, request_, operation_->access));
    const bool has_body =
        request_.headers.has("content-length") || request_.headers.has("transfer-encoding");
    if (operation_->body != BodyUse::none || has_body) {
        receiver_ = ASK(BodyReceiver::create(site.blobs, request_, who, *key, operation_->body));
    }
    return {};
}

Outcome<void> Exchange::check_payer() const {
    if (!engine_.site.config.requester_pays || request_.bucket.empty()) return {};
    const std::string name = std::string(request_.prefix()) + "request-payer";
    const std::string* in_url = request_.param(name);
    const std::string_view payer = in_url != nullptr ? *in_url : request_.header(name);
    if (payer == "requester") return {};
    return access_denied("The bucket's requesters pay: say so with " + name + ": requester.");
}

Exchange::Admin Exchange::admin_asked() const {
    if (!request_.bucket.empty()) return Admin::none;
    if (request_.has_param("x-faults")) return Admin::faults;
    if (request_.has_param("x-keys")) return Admin::keys;
    return request_.has_param("x-log") ? Admin::log : Admin::none;
}

// Whoever holds the lasting key may do anything to the buckets already; nobody else may make the
// server lie or let others in.
Outcome<void> Exchange::prepare_admin(const Authenticated& who, const AcceptedKey& key) {
    if (who.anonymous || who.presigned || key.expires) {
        return access_denied("This needs a request that is signed with the lasting key.");
    }
    if (request_.method != "PUT") return method_not_allowed(request_);
    admin_ = admin_asked();
    receiver_ = ASK(BodyReceiver::create(engine_.site.blobs, request_, who, key, BodyUse::text));
    return {};
}

void Exchange::feed(std::string_view bytes) {
    bytes_in_ += bytes.size();
    if (refusal_ || !receiver_) return;
    auto fed = receiver_->feed(bytes);
    if (!fed) refusal_ = std::move(fed).error();
}

MHD_Result Exchange::end(MHD_Connection* connection) {
    if (engine_.stopping.load()) return kill(connection, false);
    if (!refusal_ && operation_ != nullptr) {
        fault_ = engine_.faults.next(operation_->kind, request_.key);
    }
    const bool blocks =
        operation_ != nullptr ? operation_->blocking && fault_.applies() : admin_ == Admin::log;
    const bool on_worker = !refusal_ && blocks;
    if (!on_worker) {
        work();
        state_ = State::ready;
        if (wait_if_due(connection, false)) return MHD_YES;
        return answer(connection);
    }
    state_ = State::working;
    MHD_suspend_connection(connection);
    engine_.workers.post([this, connection] {
        work();
        state_ = State::ready;
        if (!wait_if_due(connection, true)) MHD_resume_connection(connection);
    });
    return MHD_YES;
}

void Exchange::refuse(const Refusal& refusal) {
    reply_ = error_reply(refusal, request_, request_id_);
    if (refusal.status >= 500) {
        log_debug("local", "{} {}/{} refused: {} {}", request_.method, request_.bucket,
                  printable(request_.key), refusal.code, refusal.message);
    }
}

void Exchange::work() {
    if (!refusal_ && !fault_.applies()) {
        play_fault_instead();
    } else {
        Outcome<Reply> outcome = [&]() -> Outcome<Reply> {
            if (refusal_) return *refusal_;
            if (preflight_) return preflight_reply(request_);
            Body body;
            if (receiver_) body = ASK(receiver_->finish());
            if (admin_ != Admin::none) return do_admin(body.text);
            Call call{request_,
                      body,
                      {fault_.action == FaultAction::ignore_conditions,
                       fault_.action == FaultAction::lose_tags}};
            return operation_->handler(engine_.site, call);
        }();
        if (outcome) {
            reply_ = std::move(*outcome);
        } else {
            refuse(outcome.error());
        }
    }
    receiver_.reset();
    finish_reply();
}

Outcome<Reply> Exchange::do_admin(const std::string& text) {
    if (admin_ == Admin::log) {
        if (engine_.log != nullptr) engine_.log->settle(engine_.stopping);
        return Reply(200);
    }
    const Result<void> taken = admin_ == Admin::keys
                                   ? engine_.site.keys.change(text, engine_.site.clock.wall_now())
                                   : engine_.faults.set(text);
    if (!taken) return Refusal(400, "InvalidArgument", taken.error().message);
    return Reply(200);
}

void Exchange::play_fault_instead() {
    if (fault_.action == FaultAction::ok_with_error) {
        Refusal refusal(500, "InternalError",
                        "We encountered an internal error. Please try again.");
        reply_ = error_reply(refusal, request_, request_id_);
        reply_.status = 200;
        return;
    }
    if (fault_.action != FaultAction::status) return;
    std::string code = fault_.code;
    if (code.empty()) code = fault_.status >= 500 ? "InternalError" : "InvalidRequest";
    Refusal refusal(fault_.status, code, "A scripted fault.");
    if (fault_.status < 300) {
        reply_ = Reply(fault_.status);
    } else {
        reply_ = error_reply(refusal, request_, request_id_);
    }
    if (fault_.retry_after > 0) reply_.add("Retry-After", fmt::to_string(fault_.retry_after));
}

// Headers that every reply has.
void Exchange::finish_reply() {
    if (request_.oss()) {
        reply_.add("x-oss-request-id", request_id_);
        reply_.add("x-oss-server-time", "1");
    } else {
        reply_.add("x-amz-request-id", request_id_);
        reply_.add("x-amz-id-2", request_id_);
    }
    if (engine_.site.config.requester_pays && reply_.status < 300) {
        reply_.add(std::string(request_.prefix()) + "request-charged", "requester");
    }
    reply_.add("Server", "xbucket");
    reply_.add("Date", format_http_date(engine_.site.clock.wall_now()));
    add_cors_headers(reply_, request_);
    if (fault_.action == FaultAction::wrong_etag) {
        for (auto& h : reply_.headers) {
            if (iequals(h.name, "ETag")) h.value = "\"0123456789ABCDEF0123456789ABCDEF\"";
        }
    }
}

bool Exchange::wait_if_due(MHD_Connection* connection, bool suspended) {
    if (delayed_) return false;
    delayed_ = true;
    const bool stalls =
        fault_.action == FaultAction::stall || fault_.action == FaultAction::apply_stall;
    const int64_t ms = engine_.latency_ms.load() + fault_.delay_ms;
    if (!stalls && ms <= 0) return false;
    if (!suspended) MHD_suspend_connection(connection);
    const TimePoint when = stalls ? TimePoint::never() : started_ + std::chrono::milliseconds(ms);
    engine_.delayer.at(when, [connection] { MHD_resume_connection(connection); });
    return true;
}

}  // namespace xbucket::local
