// SPDX-FileCopyrightText: the xbucket authors
// The row of the contract for a service given by the environment (tests/servers/radosgw.sh prints
// such lines):
//
//   XBUCKET_TEST_S3_ENDPOINT  http://127.0.0.1:PORT        XBUCKET_TEST_S3_KEY, _SECRET
//   XBUCKET_TEST_S3_BUCKET    a bucket; tests use and clean a prefix of their own in it
//   XBUCKET_TEST_S3_TRAITS    which facts hold: "aws" or "ceph"
//   XBUCKET_TEST_S3_REGION    us-east-1 unless given
#include "http_contract_bucket.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <cstdlib>

namespace xbucket::testing {
namespace {

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
    ObjectStore* versioned() override { return nullptr; }
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

ContractParam external_row() {
    const std::string traits = environment("XBUCKET_TEST_S3_TRAITS");
    ServiceFacts facts = traits == "ceph" ? ServiceFacts::ceph() : ServiceFacts::aws();
    return {"external", std::move(facts), []() -> std::unique_ptr<ContractBucket> {
                if (environment("XBUCKET_TEST_S3_ENDPOINT").empty()) return nullptr;
                return std::make_unique<ExternalContractBucket>();
            }};
}

INSTANTIATE_TEST_SUITE_P(External, ObjectStoreContract, ::testing::Values(external_row()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace xbucket::testing
