// SPDX-FileCopyrightText: the xbucket authors
// A bucket without a mount: credentials, transport, store and metadata engine, built from a Config.
// A mount stands on one; the commands that work on a URL use one directly.
#pragma once

#include "config.h"
#include "key_finder.h"
#include "spool_place.h"

#include "xbucket/http/transport.h"
#include "xbucket/local/server.h"
#include "xbucket/store/credentials.h"
#include "xbucket/store/object_store.h"

#include <memory>
#include <string>
#include <vector>

namespace xbucket::app {

// Members are in the order of dependence: each may use those above it.
class Bucket {
  public:
    // Changes may wait in a journal beside the spool (a mount), or never (a command, which ends). A
    // mount also makes the first bucket of a local folder; a command that only looks makes nothing.
    enum class Journal { none, beside_spool };
    // Starts threads: after fork only. Looks for credentials; makes no request of the service.
    // `run_program`: see KeyFinder::find(). Errors: as the parts' makers; the message is for a
    // person.
    static Result<std::unique_ptr<Bucket>> open(Config config, const Environment& environment,
                                                Journal journal = Journal::none,
                                                const ProgramRunner& run_program = {});

    // Proves that the bucket can be listed, and warns of a versioned one. Blocks for up to ten
    // seconds. Errors: the store's, explained for a person.
    Result<void> reach();

    // As given, with what was found elsewhere (bucket of a folder, endpoint, region) filled in.
    const Config& config() const { return config_; }
    Clock& clock() { return clock_; }
    ObjectStore& store() { return *store_; }
    TransportStats traffic() const { return transport_->stats(); }
    MetaEngine& meta() { return *meta_; }
    CredentialsProvider& credentials() { return *credentials_; }
    const JournalPlace& journal() const { return journal_; }
    // Files that the key comes from, for whoever must let them be read.
    std::vector<std::string> credential_files() const {
        return key_finder_ ? key_finder_->files() : std::vector<std::string>();
    }

  private:
    explicit Bucket(Config config) : config_(std::move(config)) {}

    Result<void> start_local_server(Journal journal);
    Result<void> find_service(const Environment& environment, const ProgramRunner& run_program);
    void warn_of_open_transport() const;
    Result<void> make_store();
    Result<void> make_meta();

    Config config_;
    JournalPlace journal_;  // without a directory: none
    SystemClock clock_;
    std::unique_ptr<local::Server> server_;  // local: sources only
    std::unique_ptr<KeyFinder> key_finder_;  // other sources only
    CredentialsProvider* credentials_ = nullptr;
    std::unique_ptr<CredentialsProvider> local_credentials_;
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<ObjectStore> store_;
    std::unique_ptr<MetaEngine> meta_;
};

}  // namespace xbucket::app
