// SPDX-FileCopyrightText: the xbucket authors
// Rows of the contract: the local bucket server, spoken to over HTTP in both dialects.
#include "http_contract_bucket.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

#include "xbucket/local/server.h"

namespace xbucket::testing {
namespace {

class LocalContractBucket final : public HttpContractBucket {
  public:
    explicit LocalContractBucket(DialectKind dialect, SignatureVersion signature) {
        local::ServerConfig config;
        config.directory = directory_.path();
        auto server = local::Server::start(config, clock_);
        if (!server) {
            ADD_FAILURE() << server.error().describe();
            std::abort();
        }
        server_ = std::move(*server);
        CHECK(server_->make_bucket("examplebucket"));
        config_.dialect = dialect;
        config_.bucket = "examplebucket";
        config_.endpoint = server_->base_url();
        config_.region = dialect == DialectKind::oss ? "cn-hangzhou" : "us-east-1";
        config_.signature = signature;
        config_.addressing = AddressingStyle::path;
        config_.trusted_conditions = true;
        credentials_.access_key_id = server_->access_key_id();
        credentials_.access_key_secret = server_->access_key_secret();
        expired_token_ = "the-token-of-yesterday";  // the server knows no token at all
        open();
    }
    void next_second() override { clock_.advance(std::chrono::seconds(1)); }
    ObjectStore* versioned() override {
        local::ServerConfig config;
        config.directory = versioned_directory_.path();
        config.versioning = true;
        config.access_key_id = server_->access_key_id();
        config.access_key_secret = server_->access_key_secret();
        auto server = local::Server::start(config, clock_);
        CHECK(server);
        versioned_server_ = std::move(*server);
        CHECK(versioned_server_->make_bucket("examplebucket"));
        HttpStoreConfig of_bucket = config_;
        of_bucket.endpoint = versioned_server_->base_url();
        versioned_ = OwningStore::make(of_bucket, credentials_, clock_);
        return &versioned_->store();
    }

  protected:
    Clock& clock() override { return clock_; }

  private:
    TempDir directory_;
    FakeClock clock_;
    std::unique_ptr<local::Server> server_;
    TempDir versioned_directory_;
    std::unique_ptr<local::Server> versioned_server_;
    std::unique_ptr<OwningStore> versioned_;
};

ContractParam local_row(std::string name, ServiceFacts facts, DialectKind dialect,
                        SignatureVersion signature) {
    return {std::move(name), std::move(facts), [dialect, signature] {
                return std::make_unique<LocalContractBucket>(dialect, signature);
            }};
}

std::vector<ContractParam> local_rows() {
    return {local_row("local_oss_v4", ServiceFacts::oss(), DialectKind::oss, SignatureVersion::v4),
            local_row("local_oss_v1", ServiceFacts::oss(), DialectKind::oss, SignatureVersion::v1),
            local_row("local_s3", ServiceFacts::local_s3(), DialectKind::s3, SignatureVersion::v4)};
}

INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreContract, ::testing::ValuesIn(local_rows()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace xbucket::testing
