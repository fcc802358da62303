// SPDX-FileCopyrightText: the xbucket authors
#include "requester.h"

#include "errors.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace xbucket {
namespace {

constexpr size_t kAsyncRetryThreads = 4;

SignatureKind signature_kind(const HttpStoreConfig& config) {
    if (config.dialect == DialectKind::s3) return SignatureKind::sig_v4;
    return config.signature == SignatureVersion::v1 ? SignatureKind::oss_v1 : SignatureKind::oss_v4;
}

bool is_success(int status) { return status >= 200 && status < 300; }

bool streams_a_body(const RequestParts& parts) {
    return parts.body_source != nullptr || parts.kind == "GET";
}

}  // namespace

struct Requester::AsyncCall {
    RequestParts parts;
    Call call;
    Attempt attempt;  // its request has been moved away
    Done done;
};

Requester::Requester(const HttpStoreConfig& config, Address address, const Dialect& dialect,
                     Transport& transport, CredentialsProvider& credentials, Clock& clock)
    : config_(config),
      signature_(signature_kind(config)),
      dialect_(dialect),
      transport_(transport),
      credentials_(credentials),
      clock_(clock),
      address_(std::make_shared<const Address>(std::move(address))),
      random_(seed_or_random(config.seed)),
      pool_("store-retry", kAsyncRetryThreads) {}

Requester::~Requester() {
    LockGuard lock(mutex_);
    while (async_calls_ != 0) idle_.wait(mutex_);
}

std::shared_ptr<const Address> Requester::address() const {
    LockGuard lock(mutex_);
    return address_;
}

WallTime Requester::service_now() const {
    const WallTime here = clock_.wall_now();
    LockGuard lock(mutex_);
    return here + clock_offset_;
}

Requester::Call Requester::begin(const RequestParts& parts, const CallOptions& options) const {
    Call call;
    call.request_class = options.request_class;
    if (options.deadline > Duration::zero()) {
        call.deadline = clock_.now() + options.deadline;
    } else if (!streams_a_body(parts)) {
        Duration limit = config_.metadata_deadline;
        if (parts.silence > Duration::zero()) {
            constexpr Duration kAfterSilence = std::chrono::seconds(30);
            limit = std::max(limit, parts.silence + kAfterSilence);
        }
        call.deadline = clock_.now() + limit;
    }
    return call;
}

Result<Requester::Attempt> Requester::prepare(const RequestParts& parts, Call& call) {
    return prepare_with(credentials_.get(), parts, call);
}

Result<Requester::Attempt> Requester::prepare_with(Result<Credentials> credentials,
                                                   const RequestParts& parts, Call& call) {
    Attempt attempt;
    attempt.credentials = TRY(std::move(credentials));
    attempt.address = address();
    if (parts.body_source) TRY(parts.body_source->rewind());
    attempt.request = signed_request(parts, {.address = *attempt.address,
                                             .credentials = attempt.credentials,
                                             .kind = signature_,
                                             .now = service_now()});
    attempt.request.request_class = call.request_class;
    Timeouts& timeouts = attempt.request.timeouts;
    timeouts.stall = std::max(timeouts.stall, parts.silence);
    if (call.deadline == TimePoint::never()) {
        timeouts.total = Duration::zero();
    } else {
        timeouts.total = call.deadline - clock_.now();
        if (timeouts.total <= Duration::zero()) {
            return fail(ErrorKind::timed_out,
                        "the deadline passed before an attempt could be made");
        }
    }
    if (call.attempts == 0) budget_.earn();
    ++call.attempts;
    LockGuard lock(mutex_);
    ++requests_[std::string(parts.kind)];
    return attempt;
}

Result<HttpResponse> Requester::check(const RequestParts& parts,
                                      Result<HttpResponse> result) const {
    if (!result) return result;
    if (is_success(result->status)) {
        if (parts.success_may_be_error) {
            if (auto error = parse_error_in_success(dialect_.header_prefix(), *result)) {
                return std::move(*error);
            }
        }
        return result;
    }
    Error error = parse_error(dialect_.header_prefix(), *result);
    if (error.kind == ErrorKind::not_found && error.code.empty() && parts.key.empty()) {
        error.kind = ErrorKind::no_such_bucket;
        error.message = "there is no such bucket: check its name, region and endpoint";
    }
    return error;
}

Result<HttpResponse> Requester::call(const RequestParts& parts, const CallOptions& options) {
    Call call = begin(parts, options);
    return run(parts, call);
}

std::vector<Result<HttpResponse>> Requester::call_all(const std::vector<RequestParts>& parts,
                                                      const CallOptions& options) {
    std::vector<Call> calls;
    std::vector<Result<Attempt>> attempts;
    std::vector<HttpRequest> requests;
    for (const RequestParts& one : parts) {
        calls.push_back(begin(one, options));
        attempts.push_back(prepare(one, calls.back()));
        if (attempts.back()) requests.push_back(std::move(attempts.back()->request));
    }
    std::vector<Result<HttpResponse>> sent = transport_.send_all(std::move(requests));
    std::vector<Result<HttpResponse>> replies;
    auto next = sent.begin();
    for (size_t i = 0; i < parts.size(); ++i) {
        if (!attempts[i]) {
            replies.push_back(give_up(parts[i], std::move(attempts[i].error()), calls[i]));
            continue;
        }
        auto reply = check(parts[i], std::move(*next++));
        if (!reply)
            reply = resume(parts[i], calls[i], *std::move(attempts[i]), std::move(reply.error()));
        replies.push_back(std::move(reply));
    }
    return replies;
}

Result<HttpResponse> Requester::run(const RequestParts& parts, Call& call) {
    auto attempt = prepare(parts, call);
    if (!attempt) return give_up(parts, std::move(attempt.error()), call);
    auto result = check(parts, transport_.send(std::move(attempt->request)));
    if (result) return result;
    return resume(parts, call, std::move(*attempt), std::move(result.error()));
}

Result<HttpResponse> Requester::resume(const RequestParts& parts, Call& call, Attempt attempt,
                                       Error error) {
    for (;;) {
        error = refine(parts, attempt, std::move(error), call);
        if (!again(parts, attempt, error, call)) return give_up(parts, std::move(error), call);
        auto next = prepare(parts, call);
        if (!next) return give_up(parts, std::move(next.error()), call);
        attempt = std::move(*next);
        auto result = check(parts, transport_.send(std::move(attempt.request)));
        if (result) return result;
        error = std::move(result.error());
    }
}

void Requester::call_async(RequestParts parts, const CallOptions& options, Done done) {
    auto async = std::make_shared<AsyncCall>();
    async->parts = std::move(parts);
    async->call = begin(async->parts, options);
    async->done = std::move(done);
    {
        LockGuard lock(mutex_);
        ++async_calls_;
    }
    if (auto credentials = credentials_.get_at_once()) {
        start(async, *std::move(credentials));
        return;
    }
    {
        LockGuard lock(mutex_);
        keyless_.push_back(std::move(async));
        if (keyless_.size() > 1) return;
    }
    pool_.post([this] { start_keyless(); });
}

void Requester::start_keyless() {
    const Result<Credentials> credentials = credentials_.get();
    std::vector<std::shared_ptr<AsyncCall>> calls;
    {
        LockGuard lock(mutex_);
        calls.swap(keyless_);
    }
    for (const auto& async : calls) start(async, credentials);
}

void Requester::start(const std::shared_ptr<AsyncCall>& async, Result<Credentials> credentials) {
    auto attempt = prepare_with(std::move(credentials), async->parts, async->call);
    if (!attempt) {
        finish(*async, give_up(async->parts, std::move(attempt.error()), async->call));
        return;
    }
    HttpRequest request = std::move(attempt->request);
    async->attempt = std::move(*attempt);
    // `this` outlives the transfer: the destructor waits for async_calls_.
    transport_.start(std::move(request), [this, async](Result<HttpResponse> reply) {
        auto result = check(async->parts, std::move(reply));
        if (result || result.error().kind == ErrorKind::not_found) {
            if (!result) result = give_up(async->parts, std::move(result.error()), async->call);
            finish(*async, std::move(result));
            return;
        }
        // What follows may wait and ask again, which the transport's thread must not.
        pool_.post([this, async, error = std::move(result.error())]() mutable {
            finish(*async,
                   resume(async->parts, async->call, std::move(async->attempt), std::move(error)));
        });
    });
}

void Requester::finish(AsyncCall& async, Result<HttpResponse> result) {
    async.done(std::move(result));
    async.done = nullptr;  // what it holds goes before the destructor may return
    LockGuard lock(mutex_);
    if (--async_calls_ == 0) idle_.notify_all();
}

bool Requester::again(const RequestParts& parts, const Attempt& attempt, const Error& error,
                      Call& call) {
    if (correct(attempt, error, call)) return true;
    std::optional<Duration> delay;
    {
        LockGuard lock(mutex_);
        delay = retry_delay(error, parts.repeat, call.attempts, config_.attempts_max, random_);
    }
    if (!delay) return false;
    const TimePoint now = clock_.now();
    const bool ends = call.deadline != TimePoint::never();
    if (ends && now + *delay >= call.deadline) return false;
    const std::optional<Duration> turn = budget_.spend(now);
    if (!turn) {
        log_debug("store", "retry budget used up: {} {} is not tried again", parts.kind,
                  printable(parts.key.str()));
        return false;
    }
    *delay = std::max(*delay, *turn);
    if (ends && now + *delay >= call.deadline) return false;
    {
        LockGuard lock(mutex_);
        ++retries_;
    }
    log_debug("store", "retry op={} key=\"{}\" attempts={} wait_ms={} error=\"{}\"", parts.kind,
              printable(parts.key.str()), call.attempts,
              std::chrono::duration_cast<std::chrono::milliseconds>(*delay).count(),
              error.describe());
    clock_.sleep_for(*delay);
    return true;
}

bool Requester::correct(const Attempt& attempt, const Error& error, Call& call) {
    if (error.kind == ErrorKind::bad_credentials || error.kind == ErrorKind::expired_credentials) {
        if (call.credentials_reloaded) return false;
        call.credentials_reloaded = true;
        return credentials_.refused(attempt.credentials);
    }
    if (error.kind == ErrorKind::clock_skew) {
        if (call.clock_corrected) return false;
        call.clock_corrected = true;
        return correct_clock(attempt, error);
    }
    if (error.kind == ErrorKind::wrong_endpoint) {
        if (call.endpoint_corrected) return false;
        call.endpoint_corrected = true;
        return correct_endpoint(attempt, error);
    }
    return false;
}

bool Requester::correct_clock(const Attempt& attempt, const Error& error) {
    constexpr Duration kOffsetMax = std::chrono::hours(24);
    // Over plain HTTP anybody on the way could turn our clock, and with it the life of signatures.
    if (!attempt.address->is_authenticated()) return false;
    const auto date = parse_http_date(trim_ows(error.hint));
    if (!date) return false;
    const Duration offset = *date - clock_.wall_now();
    if (offset > kOffsetMax || offset < -kOffsetMax) return false;
    log_warning("store", "this machine's clock is {} s off the service's: signing with its time",
                std::chrono::duration_cast<std::chrono::seconds>(-offset).count());
    LockGuard lock(mutex_);
    clock_offset_ = offset;
    return true;
}

bool Requester::correct_endpoint(const Attempt& attempt, const Error& error) {
    const auto corrected = corrected_address(*attempt.address, error.hint);
    LockGuard lock(mutex_);
    if (address_ != attempt.address) return true;  // another call has learnt it meanwhile
    if (!corrected) return false;
    log_info("store", "the bucket is served by {} (region {}): going there from now on",
             corrected->host, corrected->region);
    address_ = std::make_shared<const Address>(*corrected);
    return true;
}

Error Requester::refine(const RequestParts& parts, const Attempt& attempt, Error error,
                        const Call& call) {
    const bool bare = error.code.empty() && (error.http_status == 400 || error.http_status == 403);
    if (parts.method != HttpMethod::head || !bare || config_.dialect != DialectKind::s3 ||
        error.kind == ErrorKind::wrong_endpoint) {
        return error;
    }
    // Where keys are hidden (no right to list), every miss is such a 403: one question in a while.
    constexpr Duration kRemembered = std::chrono::seconds(5);
    const TimePoint now = clock_.now();
    {
        LockGuard lock(mutex_);
        if (error.http_status == 403 && plain_denial_ && now - *plain_denial_ < kRemembered) {
            return error;
        }
    }
    const auto question = dialect_.get(parts.key, 0, 1, {}, {});
    if (!question) return error;
    HttpRequest request = signed_request(*question, {.address = *attempt.address,
                                                     .credentials = attempt.credentials,
                                                     .kind = signature_,
                                                     .now = service_now()});
    request.request_class = call.request_class;
    // Within the call's time; where that is over there is nobody to tell.
    if (call.deadline != TimePoint::never()) {
        request.timeouts.total = call.deadline - now;
        if (request.timeouts.total <= Duration::zero()) return error;
    }
    {
        LockGuard lock(mutex_);
        ++requests_["GET"];
    }
    auto answer = check(*question, transport_.send(std::move(request)));
    if (answer || answer.error().code.empty()) return error;
    if (answer.error().kind == ErrorKind::access_denied) {
        LockGuard lock(mutex_);
        plain_denial_ = now;
    }
    return std::move(answer.error());
}

Error Requester::give_up(const RequestParts& parts, Error error, const Call& call) const {
    error.outcome_unknown = is_outcome_unknown(error, parts.repeat);
    const std::string_view what = parts.key.empty() ? config_.bucket : parts.key.str();
    std::string context = fmt::format("{} {}", parts.kind, printable(what));
    if (call.attempts > 1) context += fmt::format(" ({} attempts)", call.attempts);
    return std::move(error).with_context(context);
}

Result<std::string> Requester::presign(const ObjectKey& key, std::chrono::seconds life) {
    if (life <= std::chrono::seconds(0)) {
        return fail(ErrorKind::invalid_argument, "a URL's life must be at least one second");
    }
    const Credentials credentials = TRY(credentials_.get());
    // Seven days is what SigV4 and OSS V4 take at most; a token's URL dies with the token.
    constexpr std::chrono::seconds kLifeMax = std::chrono::hours(7 * 24);
    life = std::min(life, kLifeMax);
    const WallTime now = service_now();
    if (credentials.expiration) {
        const auto left = std::chrono::floor<std::chrono::seconds>(*credentials.expiration - now);
        if (left <= std::chrono::seconds(0)) {
            return fail(ErrorKind::expired_credentials,
                        "the credentials have expired: get new ones");
        }
        life = std::min(life, left);
    }
    const auto where = address();
    return presigned_get_url(
        key, dialect_.presign_query(), life,
        {.address = *where, .credentials = credentials, .kind = signature_, .now = now});
}

ObjectStore::Stats Requester::stats() const {
    const TransportStats carried = transport_.stats();
    ObjectStore::Stats out;
    out.bytes_in = carried.bytes_in;
    out.bytes_out = carried.bytes_out;
    out.in_flight = carried.in_flight;
    LockGuard lock(mutex_);
    out.requests = requests_;
    out.retries = retries_;
    return out;
}

}  // namespace xbucket
