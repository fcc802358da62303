// SPDX-FileCopyrightText: the xbucket authors
// `xbucket serve`: the local bucket server on a port, for tests, benchmarks and other people's
// clients.
#include "commands.h"
#include "signals.h"
#include "streams.h"
#include "word_parser.h"

#include "xbucket/base/log.h"
#include "xbucket/credentials/find.h"
#include "xbucket/local/server.h"

#include <fmt/format.h>

#include <cstdio>
#include <semaphore>
#include <unistd.h>

namespace xbucket::app {
namespace {

struct ServeOptions {
    local::ServerConfig server;
    bool help = false;
};

Result<ServeOptions> parse_serve(std::vector<std::string> words) {
    ServeOptions options;
    local::ServerConfig& server = options.server;
    server.listen = "127.0.0.1:0";
    unsigned latency_ms = 0;
    unsigned restore_seconds = 0;
    std::vector<std::string> faults;
    WordParser parser;
    parser.option("DIR", server.directory);
    parser.option("--listen", server.listen);
    parser.flag("--allow-remote", server.allow_remote);
    parser.option("--log", server.log_file);
    parser.option("--latency-ms", latency_ms);
    parser.option("--error-rate", server.error_rate);
    parser.option("--error-seed", server.error_seed);
    parser.option_each("--fault", faults);
    parser.option("--region", server.region);
    parser.flag("--versioning", server.versioning);
    parser.flag("--requester-pays", server.requester_pays);
    parser.option("--restore-seconds", restore_seconds);
    parser.option("--threads", server.threads);
    parser.flag("-h,--help", options.help);
    if (const auto parsed = parser.parse(std::move(words)); !parsed) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("{}; see xbucket serve --help", parsed.error().message));
    }
    if (!options.help && server.directory.empty()) {
        return fail(ErrorKind::invalid_argument, "no folder given; write: xbucket serve DIR");
    }
    if (server.error_rate < 0 || server.error_rate > 1) {
        return fail(ErrorKind::invalid_argument, "--error-rate must be from 0 to 1");
    }
    server.latency = std::chrono::milliseconds(latency_ms);
    server.restore_takes = std::chrono::seconds(restore_seconds);
    for (const std::string& fault : faults) {
        server.faults += fmt::format("{}{}", server.faults.empty() ? "" : "\n", fault);
    }
    return options;
}

// The pair that clients must sign with: OSS_ACCESS_KEY_ID and so on where set.
Result<bool> take_key_pair(const Environment& environment, local::ServerConfig& server) {
    auto credentials = TRY(credentials_from_environment(environment, VariableFamily::oss));
    if (!credentials) return false;
    server.access_key_id = credentials->access_key_id;
    server.access_key_secret = credentials->access_key_secret;
    server.session_token = credentials->session_token;
    return true;
}

ExitCode complain(ExitCode code, std::string_view sentence) {
    StartReport().failed(code, sentence);
    return code;
}

}  // namespace

std::string serve_help_text() {
    return R"(xbucket serve DIR: a bucket server for tests. The folders of DIR are its buckets; it speaks
OSS and S3 on one port and verifies signatures (OSS V1 and V4, AWS SigV4, presigned URLs).

Usage: xbucket serve DIR [options]

  --listen=HOST:PORT       default 127.0.0.1:0, a free port; it is printed
  --allow-remote           listen on an address that other machines reach
  --log=FILE               append one JSON line a request
  --latency-ms=N           wait before every reply
  --error-rate=0..1        share of requests that are answered 503
  --error-seed=N           which ones
  --fault=RULE             a scripted fault, such as copy:2:apply-drop; can be repeated
  --region=ID              the region that replies name (default: cn-hangzhou)
  --versioning             new buckets are versioned
  --requester-pays         refuse requests that do not say that the requester pays
  --restore-seconds=N      how long restoring an archived object takes (default: 0)
  --threads=N              threads that run connections (default: 2)

The key pair comes from OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET (OSS_SESSION_TOKEN: the token
that every request must carry); without them one is made and printed.

Example:
  xbucket serve ~/buckets --listen 127.0.0.1:9000
  xbucket s3://photos /mnt/b --endpoint=http://127.0.0.1:9000
)";
}

ExitCode serve_command(const std::vector<std::string>& arguments, const Environment& environment) {
    auto options = parse_serve(arguments);
    if (!options) return complain(ExitCode::usage, options.error().message);
    if (options->help) {
        print_out(serve_help_text());
        return flush_out() ? ExitCode::ok : ExitCode::system;
    }
    auto key_given = take_key_pair(environment, options->server);
    if (!key_given) return complain(ExitCode::usage, key_given.error().message);

    harden_process();
    SignalThread signals;
    SystemClock clock;
    auto server = local::Server::start(options->server, clock);
    if (!server) return complain(ExitCode::system, server.error().message);
    print_out(
        fmt::format("xbucket serves {} at {}\n", options->server.directory, (*server)->base_url()));
    if (!*key_given) {
        // The pair opens this server only; whoever started it needs it.
        print_out(fmt::format("export OSS_ACCESS_KEY_ID={} OSS_ACCESS_KEY_SECRET={}\n",
                              (*server)->access_key_id(), (*server)->access_key_secret().reveal()));
    }
    (void)flush_out();

    std::binary_semaphore ended{0};
    signals.start({.end = [&ended] { ended.release(); },
                   .end_again = [] { _exit(to_int(ExitCode::ok)); },
                   .hang_up = [] { reopen_log(); }});
    ended.acquire();
    (*server)->stop();
    return ExitCode::ok;
}

}  // namespace xbucket::app
