// SPDX-FileCopyrightText: the xbucket authors
// The rows of the contract: which stores keep ObjectStore's promises. In-memory ones are here;
// those over HTTP in contract_http_test.cpp.
#include "object_store_contract.h"
#include "support/fake_clock.h"
#include "support/memory_store.h"

namespace xbucket::testing {
namespace {

class MemoryContractBucket final : public ContractBucket {
  public:
    explicit MemoryContractBucket(MemoryService service) : store_(std::move(service), clock_) {}
    ObjectStore& store() override { return store_; }
    void next_second() override { clock_.advance(std::chrono::seconds(1)); }
    Result<std::string> fetch(const std::string& url) override {
        return store_.bucket()->fetch(url);
    }
    std::unique_ptr<ObjectStore> wrong(WrongSetup) override { return nullptr; }

  private:
    FakeClock clock_;
    MemoryStore store_;
};

ContractParam memory_row(std::string name, ServiceFacts facts, MemoryService service) {
    return {std::move(name), std::move(facts),
            [service] { return std::make_unique<MemoryContractBucket>(service); }};
}

std::vector<ContractParam> rows() {
    ServiceFacts oss;
    oss.put_if_match = false;  // protocol.md 3.4: unknown conditions are 400 NotImplemented
    oss.default_content_type = "application/octet-stream";
    oss.other_storage_class = "IA";
    oss.type_told = true;
    oss.crc64 = true;

    ServiceFacts aws;
    aws.raw_utf8_metadata = false;
    aws.multipart_etag_survives_copy = false;

    ServiceFacts ceph;  // servers.md
    ceph.copy_conditions = false;
    ceph.copy_must_not_exist = false;
    ceph.tags_survive_replace = false;
    ceph.metadata_limit = false;
    ceph.tag_count_told = false;
    return {memory_row("memory_oss", oss, MemoryService::oss()),
            memory_row("memory_s3", aws, MemoryService::s3()),
            memory_row("memory_ceph", ceph, MemoryService::ceph())};
}

INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace xbucket::testing
