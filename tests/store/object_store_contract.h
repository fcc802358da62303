// SPDX-FileCopyrightText: the xbucket authors
// The promises of ObjectStore as one parameterised suite. A store (or a service behind it) is one
// ContractParam: a way to make a bucket for a test, and ServiceFacts, the service's differences as
// data. A new provider is one more row in contract_test.cpp.
//
// Start at ContractBucket (what a row must provide), then object_store_contract*.cpp (the
// promises).
#pragma once

#include "xbucket/store/object_store.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace xbucket::testing {

// What differs between services that are all right in their way. The defaults are what AWS does.
struct ServiceFacts {
    // Copies honour if-match and the time conditions on their source. Ceph radosgw 16 does in a
    // spelling of its own.
    bool copy_conditions = true;
    // Of copies with the same guard at the same moment one gets through. Ceph looks first and
    // writes then: all do.
    bool guards_exclude_each_other = true;
    // UploadPartCopy honours if-match on its source. Ceph ignores it in any spelling.
    bool part_copy_conditions = true;
    // If-None-Match:* (or forbid-overwrite) on a copy's destination. Ceph ignores it.
    bool copy_must_not_exist = true;
    // If-Match on PUT. OSS has none; Ceph compares it with the quotes and refuses every one.
    bool put_if_match = true;
    // A REPLACE copy keeps the tags. Ceph loses them.
    bool tags_survive_replace = true;
    // Raw UTF-8 metadata comes back as the bytes that were sent. AWS reads them as Latin-1.
    bool raw_utf8_metadata = true;
    // The service has a limit on the total of metadata (traits().metadata_bytes_max). Ceph has
    // none.
    bool metadata_limit = true;
    // Setting tags or an ACL leaves Last-Modified alone. Ceph makes it that moment.
    bool subresources_keep_time = true;
    // HEAD counts the tags.
    bool tag_count_told = true;
    // What an object stored without Content-Type has; "" = nothing is promised (OSS goes by name).
    std::string default_content_type = "binary/octet-stream";
    // A storage class other than the default that can be tried; "" = none.
    std::string other_storage_class = "STANDARD_IA";
    // Server-side encryption that can be tried; "" = none. Ceph wants TLS or a test setting for it.
    std::string sse_algorithm = "AES256";
    // LIST and HEAD tell the object's type; HEAD tells a CRC-64. OSS does both.
    bool type_told = false;
    bool crc64 = false;
    // Copied objects of several parts become one part, with another ETag (AWS).
    bool multipart_etag_survives_copy = true;
    // Tags sent with a copy or with the start of an upload are taken. Ceph takes them on PUT only;
    // after the others reading the tags gives an empty body.
    bool tags_ride_along_copies = true;
    // UploadPartCopy from a key with '%'. Ceph decodes the source twice there.
    bool percent_in_part_source = true;
    // Completing an aborted upload is 404. Ceph says 500 "already in progress" for ever.
    bool late_complete_is_not_found = true;

    static ServiceFacts aws();
    static ServiceFacts oss();
    static ServiceFacts ceph();
    // The local server's S3 dialect: AWS without the oddities that help nobody.
    static ServiceFacts local_s3();
};

enum class WrongSetup { secret, key_id, bucket, token };

// One bucket for one test, empty at the start, gone at the end.
class ContractBucket {
  public:
    virtual ~ContractBucket() = default;
    virtual ObjectStore& store() = 0;
    // Lets the service's clock move on by a whole second at least.
    virtual void next_second() = 0;
    // Fetches a URL as somebody without credentials: the body, or an Error with the HTTP status.
    virtual Result<std::string> fetch(const std::string& url) = 0;
    // A store like this one with one thing wrong, owned by the bucket; null where that cannot be.
    virtual ObjectStore* wrong(WrongSetup what) = 0;
    // A store of another bucket, one that keeps versions, owned by this one; null where there is
    // none.
    virtual ObjectStore* versioned() = 0;
};

struct ContractParam {
    std::string name;
    ServiceFacts facts;
    // Null: this row cannot run here (an external service that is not configured).
    std::function<std::unique_ptr<ContractBucket>()> make;
};
void PrintTo(const ContractParam& param, std::ostream* out);

class ObjectStoreContract : public ::testing::TestWithParam<ContractParam> {
  protected:
    void SetUp() override;
    void TearDown() override;

    ObjectStore& store() { return bucket_->store(); }
    const ServiceFacts& facts() const { return GetParam().facts; }
    ContractBucket& bucket() { return *bucket_; }

    // Everything an object can carry on this service.
    ObjectAttributes full_attributes() const;
    // Asserts that the operation worked and gives its value.
    template <class T>
    T must(Result<T> result, const char* what) {
        if (!result) {
            ADD_FAILURE() << what << ": " << result.error().describe();
            if constexpr (!std::is_void_v<T>) return T{};
        } else {
            if constexpr (!std::is_void_v<T>) return std::move(result).value();
        }
    }
    ObjectInfo info_of(const std::string& key);
    ETag put(const std::string& key, const std::string& body,
             const ObjectAttributes& attributes = {});
    std::string body_at(const std::string& key);

  private:
    std::unique_ptr<ContractBucket> bucket_;
};

// Keys that break naive encoders: reserved characters, percent signs, control bytes, path-like
// components, several scripts. None starts with a slash.
std::vector<std::string> odd_keys();

#define MUST(expr) must((expr), #expr)

}  // namespace xbucket::testing
