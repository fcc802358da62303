// SPDX-FileCopyrightText: the xbucket authors
// One request and its reply, driven by libmicrohttpd's callbacks:
//
//   begin()   headers are there: parse, authenticate, route, prepare for the body
//   feed()    body bytes
//   end()     body complete: judge it, play faults, run the handler here or on a worker
//   answer()  queue the reply (after a suspended connection has been resumed)
//
// Requests that wait for the writer or take long run on workers while the connection is
// suspended, so that the few connection threads never wait for a lock.
#pragma once

#include "body_receiver.h"
#include "delayer.h"
#include "faults.h"
#include "request_log.h"
#include "router.h"
#include "site.h"

#include "xbucket/base/worker_pool.h"

#include <microhttpd.h>

#include <atomic>
#include <memory>
#include <string>

namespace xbucket::local {

// What the exchanges of a server share. Thread-safe.
struct Engine {
    Engine(Site& of, Faults& scripted, RequestLog* written, WorkerPool& pool, Delayer& timer)
        : site(of), faults(scripted), log(written), workers(pool), delayer(timer) {}

    Site& site;
    Faults& faults;
    RequestLog* log;  // nullptr = none
    WorkerPool& workers;
    Delayer& delayer;
    std::string request_id_prefix;
    std::atomic<uint64_t> next_request{1};
    std::atomic<int64_t> latency_ms{0};
    // Exchanges between begin() and completion: what a graceful stop waits for.
    std::atomic<int64_t> under_way{0};
    // No new connections are taken, and a connection ends with its next reply.
    std::atomic<bool> draining{false};
    // Requests are not answered any more.
    std::atomic<bool> stopping{false};
};

// Touched by one thread at a time: the connection's, or a worker's while suspended.
class Exchange {
  public:
    // `target` is the raw request target.
    Exchange(Engine& engine, std::string_view target);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // One call of the access handler.
    MHD_Result on_access(MHD_Connection* connection, const char* method, const char* data,
                         size_t* size);

  private:
    enum class State { fresh, receiving, working, ready, queued };
    // What is asked of the server itself.
    enum class Admin { none, faults, keys, log };

    void begin(MHD_Connection* connection, const char* method);
    void collect_headers(MHD_Connection* connection);
    Outcome<void> prepare();
    Outcome<void> check_payer() const;
    Admin admin_asked() const;
    Outcome<void> prepare_admin(const Authenticated& who, const AcceptedKey& key);
    Outcome<Reply> do_admin(const std::string& text);
    void feed(std::string_view bytes);
    MHD_Result end(MHD_Connection* connection);
    // Runs the handler; the reply or refusal is in reply_ afterwards.
    void work();
    void refuse(const Refusal& refusal);
    void play_fault_instead();
    void finish_reply();
    // Waits out latency and delays; false when the reply can go now.
    bool wait_if_due(MHD_Connection* connection, bool suspended);
    MHD_Result answer(MHD_Connection* connection);
    MHD_Result kill(MHD_Connection* connection, bool reset);
    MHD_Response* make_response();

    Engine& engine_;
    Request request_;
    State state_ = State::fresh;
    std::string request_id_;
    TimePoint started_;
    bool target_ok_ = true;
    Admin admin_ = Admin::none;
    bool preflight_ = false;
    const Operation* operation_ = nullptr;
    std::unique_ptr<BodyReceiver> receiver_;
    std::optional<Refusal> refusal_;
    Fault fault_;
    bool delayed_ = false;
    Reply reply_;
    uint64_t bytes_in_ = 0;
    int status_sent_ = 0;
    uint64_t owed_ = 0;  // RequestLog::owe()
    uint64_t bytes_out_ = 0;
};

}  // namespace xbucket::local
