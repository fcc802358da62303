// SPDX-FileCopyrightText: the xbucket authors
// What the contract's rows over HTTP share: a store with all it refers to, and ways to set it up
// wrongly.
#pragma once

#include "object_store_contract.h"
#include "support/plain_get.h"

#include "xbucket/http/curl_transport.h"
#include "xbucket/store/http_store.h"

#include <memory>
#include <vector>

namespace xbucket::testing {

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

}  // namespace xbucket::testing
