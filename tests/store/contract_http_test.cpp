// SPDX-FileCopyrightText: the xbucket authors
// Rows of the contract over HTTP: the local bucket server in both dialects, and a service given by
// the environment (tests/servers/radosgw.sh prints such lines):
//
//   XBUCKET_TEST_S3_ENDPOINT  http://127.0.0.1:PORT        XBUCKET_TEST_S3_KEY, _SECRET
//   XBUCKET_TEST_S3_BUCKET    a bucket; tests use and clean a prefix of their own in it
//   XBUCKET_TEST_S3_TRAITS    which facts hold: "aws" or "ceph"
//   XBUCKET_TEST_S3_REGION    us-east-1 unless given
#include "object_store_contract.h"
#include "support/fake_clock.h"
#include "support/memory_store.h"
#include "support/plain_get.h"
#include "support/temp_dir.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"
#include "xbucket/http/curl_transport.h"
#include "xbucket/local/server.h"
#include "xbucket/store/http_store.h"

#include <cstdlib>

namespace xbucket::testing {
namespace {

// A store with all it refers to.
class OwningStore {
  public:
    static std::unique_ptr<OwningStore> make(const HttpStoreConfig& config,
                                             const Credentials& credentials, Clock& clock) {
        auto owning = std::unique_ptr<OwningStore>(new OwningStore(credentials));
        auto transport = make_curl_transport({});
        CHECK(transport);
        owning->transport_ = std::move(*transport);
        auto store = make_http_store(config, *owning->transport_, owning->credentials_, clock);
        if (!store) {
            ADD_FAILURE() << store.error().describe();
            return nullptr;
        }
        owning->store_ = std::move(*store);
        return owning;
    }
    ObjectStore& store() { return *store_; }

  private:
    explicit OwningStore(const Credentials& credentials) : credentials_(credentials) {}
    StaticCredentials credentials_;
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<ObjectStore> store_;
};

// What both kinds of rows share: a store, and ways to set one up wrongly.
class HttpContractBucket : public ContractBucket {
  public:
    ObjectStore& store() override { return owner_->store(); }
    Result<std::string> fetch(const std::string& url) override { return plain_get(url); }
    ObjectStore* wrong(WrongSetup what) override {
        HttpStoreConfig config = config_;
        Credentials credentials = credentials_;
        switch (what) {
            case WrongSetup::secret:
                credentials.access_key_secret = Secret("not-the-secret");
                break;
            case WrongSetup::key_id:
                credentials.access_key_id = "NOSUCHKEYID000000000";
                break;
            case WrongSetup::bucket:
                config.bucket = "no-such-bucket-here";
                break;
            case WrongSetup::token:
                if (expired_token_.empty()) return nullptr;
                credentials.session_token = Secret(expired_token_);
                break;
        }
        others_.push_back(OwningStore::make(config, credentials, clock()));
        return others_.back() == nullptr ? nullptr : &others_.back()->store();
    }

  protected:
    virtual Clock& clock() = 0;
    void open() { owner_ = OwningStore::make(config_, credentials_, clock()); }

    HttpStoreConfig config_;
    Credentials credentials_;
    std::string expired_token_;

  private:
    std::unique_ptr<OwningStore> owner_;
    std::vector<std::unique_ptr<OwningStore>> others_;
};

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
        open();
    }
    void next_second() override { clock_.advance(std::chrono::seconds(1)); }

  protected:
    Clock& clock() override { return clock_; }

  private:
    TempDir directory_;
    FakeClock clock_;
    std::unique_ptr<local::Server> server_;
};

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

class ExternalContractBucket final : public HttpContractBucket {
  public:
    ExternalContractBucket() {
        config_.dialect = DialectKind::s3;
        config_.endpoint = environment("XBUCKET_TEST_S3_ENDPOINT");
        config_.bucket = environment("XBUCKET_TEST_S3_BUCKET");
        config_.region = environment("XBUCKET_TEST_S3_REGION");
        if (config_.region.empty()) config_.region = "us-east-1";
        config_.addressing = AddressingStyle::path;
        config_.key_prefix = "contract-" + hex_encode(random_bytes(8)) + "/";
        credentials_.access_key_id = environment("XBUCKET_TEST_S3_KEY");
        credentials_.access_key_secret = Secret(environment("XBUCKET_TEST_S3_SECRET"));
        open();
    }
    ~ExternalContractBucket() override {
        if (const auto uploads = store().list_uploads(""))
            for (const PendingUpload& upload : *uploads)
                static_cast<void>(store().abort_upload(upload.key, upload.id));
        while (true) {
            const auto page = store().list({});
            if (!page || page->objects.empty()) break;
            std::vector<ObjectKey> keys;
            for (const ListEntry& entry : page->objects) keys.push_back(entry.key);
            const auto removed = store().remove_many(keys);
            if (!removed || !removed->empty()) {
                ADD_FAILURE() << "objects are left under " << config_.key_prefix;
                break;
            }
        }
    }
    // Nobody can move a real service's clock: asks for its time until that has moved.
    void next_second() override {
        const auto time = [&] {
            const auto page = store().list({.keys_max = 1});
            return page ? page->date : WallTime{};
        };
        const WallTime before = time();
        while (time() <= before) clock_.sleep_for(std::chrono::milliseconds(20));
    }

  protected:
    Clock& clock() override { return clock_; }

  private:
    SystemClock clock_;
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

ContractParam external_row() {
    const std::string traits = environment("XBUCKET_TEST_S3_TRAITS");
    ServiceFacts facts = traits == "ceph" ? ServiceFacts::ceph() : ServiceFacts::aws();
    return {"external", std::move(facts), []() -> std::unique_ptr<ContractBucket> {
                if (environment("XBUCKET_TEST_S3_ENDPOINT").empty()) return nullptr;
                return std::make_unique<ExternalContractBucket>();
            }};
}

const auto row_name = [](const auto& row) { return row.param.name; };
INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreContract, ::testing::ValuesIn(local_rows()), row_name);
INSTANTIATE_TEST_SUITE_P(External, ObjectStoreContract, ::testing::Values(external_row()),
                         row_name);

}  // namespace
}  // namespace xbucket::testing
