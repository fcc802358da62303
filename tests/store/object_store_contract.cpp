// SPDX-FileCopyrightText: the xbucket authors
// What the contract's tests share: their bucket, and attributes that fill every field a service
// has.
#include "object_store_contract.h"

#include "support/memory_store.h"

namespace xbucket::testing {

ServiceFacts ServiceFacts::aws() {
    ServiceFacts facts;
    facts.raw_utf8_metadata = false;
    facts.multipart_etag_survives_copy = false;
    return facts;
}

ServiceFacts ServiceFacts::oss() {
    ServiceFacts facts;
    facts.put_if_match = false;  // protocol.md 3.4: unknown conditions are 400 NotImplemented
    facts.default_content_type = "application/octet-stream";
    facts.other_storage_class = "IA";
    facts.type_told = true;
    facts.crc64 = true;
    return facts;
}

ServiceFacts ServiceFacts::ceph() {  // servers.md
    ServiceFacts facts;
    facts.guards_exclude_each_other = false;
    facts.part_copy_conditions = false;
    facts.copy_must_not_exist = false;
    facts.put_if_match = false;
    facts.tags_ride_along_copies = false;
    facts.percent_in_part_source = false;
    facts.late_complete_is_not_found = false;
    facts.tags_survive_replace = false;
    facts.subresources_keep_time = false;
    facts.metadata_limit = false;
    facts.other_storage_class = "";  // only those that an administrator made: 400 otherwise
    facts.sse_algorithm = "";        // AES256 wants a key service behind it: 400 otherwise
    return facts;
}

ServiceFacts ServiceFacts::local_s3() {
    ServiceFacts facts;
    facts.raw_utf8_metadata = false;  // protocol.md 4.4
    return facts;
}

void PrintTo(const ContractParam& param, std::ostream* out) { *out << param.name; }

void ObjectStoreContract::SetUp() {
    bucket_ = GetParam().make();
    if (bucket_ == nullptr) GTEST_SKIP() << GetParam().name << " is not configured";
}

void ObjectStoreContract::TearDown() { bucket_.reset(); }

ObjectAttributes ObjectStoreContract::full_attributes() const {
    ObjectAttributes attributes;
    attributes[HttpField::content_type] = "text/html; charset=utf-8";
    attributes[HttpField::cache_control] = "max-age=3600, private";
    attributes[HttpField::content_disposition] = "attachment; filename=\"a b.html\"";
    attributes[HttpField::content_encoding] = "identity-x";
    attributes[HttpField::content_language] = "de, en-GB";
    attributes[HttpField::expires] = "Thu, 01 Dec 2044 16:00:00 GMT";
    attributes.user = {{"year", "2021"}, {"people", "eliot, evan"}, {"a-b-c", "x=1;y=\"2\""}};
    attributes.storage_class = facts().other_storage_class;
    attributes.sse.algorithm = facts().sse_algorithm;
    return attributes;
}

ObjectInfo ObjectStoreContract::info_of(const std::string& key) {
    return MUST(store().head(ObjectKey(key))).info;
}

ETag ObjectStoreContract::put(const std::string& key, const std::string& body,
                              const ObjectAttributes& attributes) {
    return MUST(put_object(store(), key, body, attributes)).etag;
}

std::string ObjectStoreContract::body_at(const std::string& key) {
    return MUST(read_object(store(), key));
}

std::vector<std::string> odd_keys() {
    std::vector<std::string> keys = {
        "plain.txt",
        "with space",
        " leading and trailing ",
        "double  space",
        "percent%20literal",
        "percent%",
        "plus+sign",
        "question?mark",
        "hash#sign",
        "ampersand&amp;",
        "angle<tag>\"quote\"'apostrophe'",
        "equals=a;semi,comma",
        "colon:at@dollar$bang!star*paren()",
        "tilde~caret^pipe|back\\slash`tick",
        "brackets[1]{2}",
        "dir//double-slash",
        "dir/../dotdot",
        "dir/./dot",
        "dir/trailing/",
        "..hidden",
        "caf\xC3\xA9",                            // é, composed
        "cafe\xCC\x81",                           // é, decomposed: another key
        "\xE6\x97\xA5\xE6\x9C\xAC/\xE8\xAA\x9E",  // CJK
        "emoji-\xF0\x9F\x98\x80",
        "tab\there",
        "newline\nhere",
        "return\rhere",
        "bell\x07",
        "delete\x7F",
        "one\x01two",
        "UPPER-lower",
        "upper-LOWER",
        "trailing.dot.",
        "con.aux.nul",
        "-dash-first",
        "~tilde-first",
        "list-type=2&prefix=x",
        "a?versionId=null",
        "a?acl",
    };
    return keys;
}

}  // namespace xbucket::testing
