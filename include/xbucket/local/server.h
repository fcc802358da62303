// SPDX-FileCopyrightText: the xbucket authors
// The local bucket server: a folder whose sub folders are buckets, served over HTTP in both
// dialects (OSS and S3) on one port. `xbucket serve` runs it, `local:DIR` runs it in process, and
// the tests hold the clients to it, so it reproduces what protocol.md says of the real services:
// signatures, conditions, REPLACE that drops what is not resent, limits, names, error bodies.
//
// What lies in DIR
//   DIR/BUCKET/            a bucket is a folder. Plain files already in it appear as objects: they
//                          are found when the server starts (and when asked for by name), are
//                          read in place and never changed or removed. What is written through the
//                          server afterwards covers them and lies in DIR/.xbucket.
//   DIR/.xbucket/meta.db   SQLite: keys, metadata, versions, uploads
//   DIR/.xbucket/blobs/    bytes of objects, files under random names
//   DIR/.xbucket/tmp/      bodies on their way in; what a killed server leaves is removed at start
//
// What was acknowledged survives kill -9 (not a power cut: files are not synced). Any number of
// servers, in this process or others on this machine, may serve one DIR at the same time.
#pragma once

#include "xbucket/base/clock.h"
#include "xbucket/base/result.h"
#include "xbucket/base/secret.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace xbucket::local {

struct ServerConfig {
    std::string directory;  // made if missing (its parent must exist)
    // HOST:PORT with a numeric address or "localhost"; port 0 = chosen by the kernel.
    std::string listen = "127.0.0.1:0";
    // Without this an address that is not loopback is refused: keys would cross the network.
    bool allow_remote = false;

    // The one key pair that is accepted. Empty id: one is made; see Server::access_key_id().
    std::string access_key_id;
    Secret access_key_secret;
    // Where set, every signed request must carry this token (STS).
    Secret session_token;
    // The region that replies name; requests are accepted for any region.
    std::string region = "cn-hangzhou";

    // For tests and benchmarks.
    // One JSON line a request; "" = none. Appended to, when the reply has gone out (a signed PUT of
    // /?x-log is answered when the lines of all earlier replies are there).
    std::string log_file;
    std::chrono::milliseconds latency{0};  // added to every request
    // Rules separated by ',' or new lines: see faults.h's language, e.g. "copy:2:apply-drop".
    std::string faults;
    double error_rate = 0;    // 0..1: share of requests that are answered 503 instead
    uint64_t error_seed = 1;  // of the generator behind error_rate
    // New buckets (and folders without a setting of their own) have versioning Enabled.
    bool versioning = false;
    // Every request for a bucket must say that whoever sends it pays (x-*-request-payer), else it
    // is refused: what strangers meet at a bucket whose owner does not want to pay for them.
    bool requester_pays = false;
    // How long RestoreObject of an archived object takes.
    std::chrono::seconds restore_takes{0};
    // Smallest part that CompleteMultipartUpload takes (last one exempt). 0 = the dialect's own:
    // 100 KiB on OSS, 5 MiB on S3.
    uint64_t part_bytes_min = 0;

    unsigned threads = 2;         // that run the connections
    unsigned worker_threads = 8;  // that wait for disk and database
};

// Thread-safe. The clock must outlive the server; with a FakeClock dates, expiries, restores and
// latency all move with it.
class Server {
  public:
    // Opens or makes the folder, cleans up after killed servers, imports new plain files, listens.
    // Blocks until requests are answered. Errors: io (folder, database, address in use),
    // invalid_argument (address not loopback, a fault rule that does not parse).
    static Result<std::unique_ptr<Server>> start(ServerConfig config, Clock& clock);

    virtual ~Server() = default;  // stops

    virtual uint16_t port() const = 0;
    // "http://127.0.0.1:PORT", no slash at the end. Path style works with it; for Host style use
    // http://BUCKET.localhost:PORT.
    virtual std::string base_url() const = 0;
    virtual const std::string& access_key_id() const = 0;
    virtual const Secret& access_key_secret() const = 0;

    // Makes the folder of a bucket, as PutBucket would; success when it is there already.
    virtual Result<void> make_bucket(const std::string& name) = 0;

    // Changes the scripted faults while running (tests; over HTTP: a signed PUT of
    // /?x-faults). Replaces all rules and sets their counters back. Errors: invalid_argument.
    virtual Result<void> set_faults(const std::string& rules) = 0;
    virtual void set_latency(std::chrono::milliseconds latency) = 0;

    // Refuses new connections from now on, waits up to `grace` of real time for requests under way
    // (a kept connection ends with its next reply), then closes the rest. Idempotent. No
    // acknowledged change is lost either way.
    virtual void stop(std::chrono::milliseconds grace = std::chrono::seconds(5)) = 0;
};

}  // namespace xbucket::local
