// SPDX-FileCopyrightText: the xbucket authors
// The rows of the contract: which stores keep ObjectStore's promises. In-memory ones are here;
// those over HTTP in contract_local_test.cpp and contract_external_test.cpp.
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
    ObjectStore* wrong(WrongSetup) override { return nullptr; }
    ObjectStore* versioned() override {
        MemoryService service = store_.bucket()->service();
        service.versioning = "Enabled";
        versioned_ = std::make_unique<MemoryStore>(service, clock_);
        return versioned_.get();
    }

  private:
    FakeClock clock_;
    MemoryStore store_;
    std::unique_ptr<MemoryStore> versioned_;
};

ContractParam memory_row(std::string name, ServiceFacts facts, MemoryService service) {
    return {std::move(name), std::move(facts),
            [service] { return std::make_unique<MemoryContractBucket>(service); }};
}

// The double plays a gateway that knows none of the conditions either.
ServiceFacts worst_of_ceph() {
    ServiceFacts facts = ServiceFacts::ceph();
    facts.copy_conditions = false;
    facts.tag_count_told = false;
    return facts;
}

std::vector<ContractParam> rows() {
    return {memory_row("memory_oss", ServiceFacts::oss(), MemoryService::oss()),
            memory_row("memory_s3", ServiceFacts::aws(), MemoryService::s3()),
            memory_row("memory_ceph", worst_of_ceph(), MemoryService::ceph())};
}

INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace xbucket::testing
