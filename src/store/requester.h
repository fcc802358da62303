// SPDX-FileCopyrightText: the xbucket authors
// Runs one logical call as attempts: each signed anew, corrected once for stale credentials, a
// wrong clock or a wrong endpoint, retried as the pure policy says (retry_policy.h). It knows
// nothing of what a request means.
#pragma once

#include "dialect.h"
#include "endpoint.h"
#include "request_signer.h"
#include "retry_policy.h"

#include "xbucket/base/sync.h"
#include "xbucket/base/worker_pool.h"
#include "xbucket/http/transport.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace xbucket {

// Thread-safe. Lock order: mutex_ is never held while anything else is called.
class Requester {
  public:
    using Done = std::function<void(Result<HttpResponse>)>;

    Requester(const HttpStoreConfig& config, Address address, const Dialect& dialect,
              Transport& transport, CredentialsProvider& credentials, Clock& clock);
    // Waits until every asynchronous call has answered.
    ~Requester();
    Requester(const Requester&) = delete;
    Requester& operator=(const Requester&) = delete;

    // The state of one logical call over its attempts.
    struct Call {
        TimePoint deadline = TimePoint::never();
        RequestClass request_class = RequestClass::interactive;
        unsigned attempts = 0;  // without progress, for bodies that resume
        bool credentials_reloaded = false;
        bool clock_corrected = false;
        bool endpoint_corrected = false;
    };
    // What an attempt was made with, so that its failure can be judged.
    struct Attempt {
        HttpRequest request;
        Credentials credentials;
        std::shared_ptr<const Address> address;
    };

    // All attempts until success or a final error; the collected body is in the reply. Blocks.
    Result<HttpResponse> call(const RequestParts& parts, const CallOptions& options);
    // Several calls at the same time: their first attempts go out together, and what of them is to
    // be attempted again follows one after the other. Blocks; the replies are in the order of the
    // parts.
    std::vector<Result<HttpResponse>> call_all(const std::vector<RequestParts>& parts,
                                               const CallOptions& options);
    // Never blocks: the first attempt starts here where the credentials at hand are valid. What has
    // to wait for others, and further attempts, are a small pool's.
    void call_async(RequestParts parts, const CallOptions& options, Done done);

    // The steps of call(), for bodies that are streamed (get_transfer.cpp).
    Call begin(const RequestParts& parts, const CallOptions& options) const;
    Result<Attempt> prepare(const RequestParts& parts, Call& call);
    // The reply when it is a success, else what the service or the transport said.
    Result<HttpResponse> check(const RequestParts& parts, Result<HttpResponse> result) const;
    // After a failure: corrects or waits, and says whether to attempt again. Blocks.
    bool again(const RequestParts& parts, const Attempt& attempt, const Error& error, Call& call);
    // The error as the caller sees it: with the operation, the key and the number of attempts.
    Error give_up(const RequestParts& parts, Error error, const Call& call) const;

    Result<std::string> presign(const ObjectKey& key, std::chrono::seconds life);
    Transport& transport() { return transport_; }
    Clock& clock() { return clock_; }
    ObjectStore::Stats stats() const EXCLUDES(mutex_);

  private:
    struct AsyncCall;
    Result<HttpResponse> run(const RequestParts& parts, Call& call);
    Result<Attempt> prepare_with(Result<Credentials> credentials, const RequestParts& parts,
                                 Call& call);
    void start(const std::shared_ptr<AsyncCall>& async, Result<Credentials> credentials);
    void start_keyless() EXCLUDES(mutex_);
    Result<HttpResponse> resume(const RequestParts& parts, Call& call, Attempt attempt,
                                Error error);
    void finish(AsyncCall& async, Result<HttpResponse> result) EXCLUDES(mutex_);
    bool correct(const Attempt& attempt, const Error& error, Call& call) EXCLUDES(mutex_);
    bool correct_clock(const Attempt& attempt, const Error& error) EXCLUDES(mutex_);
    bool correct_endpoint(const Attempt& attempt, const Error& error) EXCLUDES(mutex_);
    // S3's HEAD says nothing but a status: asks again by GET for the reason (protocol.md 2.2).
    Error refine(const RequestParts& parts, const Attempt& attempt, Error error, const Call& call)
        EXCLUDES(mutex_);
    WallTime service_now() const EXCLUDES(mutex_);
    std::shared_ptr<const Address> address() const EXCLUDES(mutex_);

    const HttpStoreConfig config_;
    const SignatureKind signature_;
    const Dialect& dialect_;
    Transport& transport_;
    CredentialsProvider& credentials_;
    Clock& clock_;
    RetryBudget budget_;

    mutable Mutex mutex_;
    CondVar idle_;
    std::shared_ptr<const Address> address_ GUARDED_BY(mutex_);
    Duration clock_offset_ GUARDED_BY(mutex_){0};
    std::mt19937_64 random_ GUARDED_BY(mutex_);
    std::map<std::string, uint64_t> requests_ GUARDED_BY(mutex_);
    uint64_t retries_ GUARDED_BY(mutex_) = 0;
    size_t async_calls_ GUARDED_BY(mutex_) = 0;
    // Wait for credentials, together: however many there are, one thread waits.
    std::vector<std::shared_ptr<AsyncCall>> keyless_ GUARDED_BY(mutex_);
    // When a HEAD was last refused for no better reason than rights; see refine().
    std::optional<TimePoint> plain_denial_ GUARDED_BY(mutex_);

    WorkerPool pool_;  // last: its threads use all of the above
};

}  // namespace xbucket
