// SPDX-FileCopyrightText: the xbucket authors
// How one service spells the operations of ObjectStore: pure builders from values to a request's
// parts, pure parsers from replies to values, and limits. No I/O, no address, no signature, no
// retry. What OSS and S3 share lives in the base class; oss_dialect.cpp and s3_dialect.cpp hold the
// differences. Immutable, so thread-safe.
//
// Keys here are whole keys: the store has put its key prefix in front.
// Builders fail with invalid_argument for values that must not become a header and unsupported for
// what the service lacks. Parsers fail with bad_reply.
#pragma once

#include "retry_policy.h"

#include "xbucket/store/http_store.h"
#include "xbucket/store/object_store.h"
#include "xbucket/store/signing.h"
#include "xbucket/store/xml.h"

#include <memory>
#include <string>
#include <string_view>

namespace xbucket {

// A request before address and signature.
struct RequestParts {
    std::string_view kind;  // "HEAD", "COPY", ...: for stats, logs and errors
    HttpMethod method = HttpMethod::get;
    ObjectKey key;          // "" = the bucket
    QueryParameters query;  // decoded
    Headers headers;
    std::string body;
    std::shared_ptr<BodySource> body_source;
    Repeat repeat = Repeat::harmless;
    // A success status may carry an <Error> document (protocol.md 3.7).
    bool success_may_be_error = false;
    // The service works before it answers: silence is no stall.
    Duration silence{0};
};

struct DialectConfig {
    std::string bucket;
    bool requester_pays = false;
    // The domain of the dialect's own provider, so its documented behaviour holds.
    bool official = false;
    // Our own server: copy conditions hold as well.
    bool trusted_conditions = false;
    size_t key_prefix_bytes = 0;
    Secret customer_key = {};
};

// Reply of ListMultipartUploads, one page.
struct UploadsPage {
    std::vector<PendingUpload> uploads;
    std::string next_key_marker;  // "" = last page
    std::string next_upload_marker;
};

// Reply of ListObjectVersions, one page, as far as it concerns one key.
struct VersionsPage {
    std::vector<ObjectVersion> versions;
    // "" = last page, or the next one has other keys only.
    std::string next_key_marker;
    std::string next_version_marker;
};

// The checksum that S3 has of an object: a copy in parts has one of the same algorithm only where
// its start asks for it (protocol.md 3.7).
struct KeptChecksum {
    Checksum::Kind kind = Checksum::Kind::crc32;
    std::string form;   // of the copy: "FULL_OBJECT", "COMPOSITE"; "" where the service has no word
    std::string whole;  // what the copy's must be; "" where it depends on where parts begin
};

class Dialect {
  public:
    virtual ~Dialect() = default;
    Dialect(const Dialect&) = delete;
    Dialect& operator=(const Dialect&) = delete;

    const StoreTraits& traits() const { return traits_; }
    // "x-oss-", "x-amz-".
    std::string_view header_prefix() const { return prefix_; }

    // Objects.
    // The object's checksum costs a right to its key where KMS encrypts it.
    Result<RequestParts> head(const ObjectKey& key, bool with_checksum = false) const;
    // `length` 0 = to the end; offset and length 0 = no range.
    Result<RequestParts> get(const ObjectKey& key, uint64_t offset, uint64_t length,
                             const ETag& if_match, const VersionId& version,
                             bool whole = false) const;
    Result<RequestParts> put(const PutRequest& request) const;
    Result<RequestParts> copy(const CopyRequest& request) const;
    Result<RequestParts> remove(const ObjectKey& key, const ETag& if_match) const;
    Result<RequestParts> remove_many(const std::vector<ObjectKey>& keys) const;
    Result<RequestParts> list(const ListRequest& request) const;

    // Multipart.
    Result<RequestParts> create_upload(const ObjectKey& key, const ObjectAttributes& attributes,
                                       const std::optional<KeptChecksum>& checksum = {}) const;
    Result<RequestParts> upload_part(const ObjectKey& key, const UploadId& id, unsigned number,
                                     std::shared_ptr<BodySource> body) const;
    Result<RequestParts> upload_part_copy(const ObjectKey& key, const UploadId& id, unsigned number,
                                          const ObjectKey& source, const VersionId& source_version,
                                          uint64_t offset, uint64_t length,
                                          const ETag& source_if_match) const;
    Result<RequestParts> complete_upload(const ObjectKey& key, const UploadId& id,
                                         std::vector<UploadPart> parts,
                                         const std::optional<ETag>& if_match, bool must_not_exist,
                                         const std::optional<KeptChecksum>& checksum = {}) const;
    Result<RequestParts> abort_upload(const ObjectKey& key, const UploadId& id) const;
    Result<RequestParts> list_uploads(const std::string& prefix, const std::string& key_marker,
                                      const std::string& upload_marker) const;

    // Tags, ACL, restore, links, bucket.
    Result<RequestParts> get_tags(const ObjectKey& key) const;
    Result<RequestParts> put_tags(const ObjectKey& key, const Tags& tags) const;  // empty: deletes
    Result<RequestParts> get_acl(const ObjectKey& key) const;
    Result<RequestParts> put_acl(const ObjectKey& key, const std::string& canned) const;
    // Retention and legal hold. `version` "" = current.
    RequestParts bucket_lock() const;
    RequestParts get_retention(const ObjectKey& key, const VersionId& version) const;
    RequestParts get_legal_hold(const ObjectKey& key, const VersionId& version) const;
    Result<RequestParts> put_retention(const ObjectKey& key, const ObjectLock& lock,
                                       const VersionId& version) const;
    Result<RequestParts> put_legal_hold(const ObjectKey& key, const ObjectLock& lock,
                                        const VersionId& version) const;
    Result<RequestParts> restore(const ObjectKey& key, std::optional<unsigned> days,
                                 const std::string& tier) const;
    virtual Result<RequestParts> append(const ObjectKey& key, uint64_t position,
                                        std::shared_ptr<BodySource> body) const;
    virtual Result<RequestParts> put_symlink(const ObjectKey& key, const ObjectKey& target,
                                             const ObjectAttributes& attributes) const;
    virtual Result<RequestParts> get_symlink(const ObjectKey& key) const;
    virtual RequestParts versioning() const = 0;
    Result<RequestParts> list_versions(const ObjectKey& key, const std::string& key_marker,
                                       const std::string& version_marker, unsigned count) const;
    // Whether remove_many() can name the key: XML 1.0 has no control characters and no bytes that
    // are not UTF-8. OSS takes escaped control characters all the same.
    bool fits_in_xml(const ObjectKey& key) const;
    // Query of a presigned GET, without the signature's own parameters.
    QueryParameters presign_query() const;

    // Replies. parse_object takes HEAD's and GET's; `size` is Content-Length's unless given.
    Result<ObjectInfo> parse_object(const Headers& headers,
                                    std::optional<uint64_t> size = std::nullopt) const;
    // Whether the Content-Disposition of HEAD's or GET's reply is the service's own: OSS and COS,
    // under their common domains, make browsers download. It is no attribute of the object then.
    bool adds_disposition(const Headers& headers) const;
    Result<CopyReply> parse_copy(const HttpResponse& response) const;
    Result<PutReply> parse_put(const HttpResponse& response) const;
    Result<ListPage> parse_list(const HttpResponse& response, std::string_view token_given) const;
    Result<std::vector<DeleteFailure>> parse_remove_many(const HttpResponse& response,
                                                         const std::vector<ObjectKey>& keys) const;
    Result<UploadId> parse_create_upload(const HttpResponse& response) const;
    Result<UploadPart> parse_upload_part(const HttpResponse& response, unsigned number,
                                         uint64_t bytes) const;
    Result<UploadPart> parse_upload_part_copy(const HttpResponse& response, unsigned number,
                                              uint64_t bytes) const;
    // The ETag may be "".
    Result<PutReply> parse_complete(const HttpResponse& response) const;
    Result<UploadsPage> parse_uploads(const HttpResponse& response) const;
    Result<Tags> parse_tags(const HttpResponse& response) const;
    Result<bool> parse_bucket_lock(const HttpResponse& response) const;
    // One that has run out, by the reply's Date, is none.
    Result<ObjectLock> parse_retention(const HttpResponse& response) const;
    Result<std::string> parse_legal_hold(const HttpResponse& response) const;  // "ON", "OFF"
    virtual Result<std::string> parse_acl(const HttpResponse& response) const = 0;
    virtual Result<ObjectKey> parse_symlink(const HttpResponse& response) const;
    virtual Result<std::string> parse_versioning(const HttpResponse& response) const = 0;
    // OSS: a bucket that keeps versions, or has kept some, heeds no must_not_exist.
    virtual bool versions_void_must_not_exist() const { return false; }
    // Whether a reply that concerns an object is of such a bucket.
    bool tells_version(const Headers& headers) const;
    Result<VersionsPage> parse_versions(const HttpResponse& response, const ObjectKey& key) const;
    // ETags that look like an MD5 are one: at AWS, at OSS, and on our own server.
    bool etags_are_md5() const { return config_.official || config_.trusted_conditions; }
    // The reply to a PUT says no CRC64, but an ETag that is an MD5.
    bool puts_say_md5() const { return traits_.dialect == "s3" && etags_are_md5(); }
    // The MD5, in lower case, that the reply to an upload says; "" where its ETag is none.
    std::string parse_md5(const Headers& headers) const;
    // The whole object's CRC64 as OSS says it; nullopt when not said. Errors: bad_reply.
    Result<std::optional<uint64_t>> parse_crc64(const Headers& headers) const;
    // From a reply to head() with checksum; nullopt where the object has none.
    virtual std::optional<KeptChecksum> parse_checksum(const Headers& headers) const = 0;
    // What the reply to an upload, of an object or a part, says of the bytes that are stored; of
    // the kind that traits() names. nullopt when it says nothing.
    virtual Result<std::optional<uint64_t>> parse_stored_crc64(const Headers& headers) const = 0;
    virtual Result<std::optional<uint64_t>> parse_completed_crc64(const Headers& headers,
                                                                  const XmlNode& result) const = 0;

  protected:
    Dialect(DialectConfig config, StoreTraits traits, std::string_view prefix)
        : config_(std::move(config)), traits_(std::move(traits)), prefix_(prefix) {}

    // What an attribute header is for: only copies say which tags they mean.
    enum class Purpose { upload, copy };
    Result<void> add_attributes(Headers& headers, const ObjectAttributes& attributes,
                                Purpose purpose) const;
    // "x-oss-" + name.
    std::string own(std::string_view name) const {
        return std::string(prefix_) + std::string(name);
    }
    std::string own_value(const Headers& headers, std::string_view name) const;
    bool is_own(std::string_view header_name) const;
    // The customer's key, where there is one: of the object that the request is for, or of the one
    // that it copies.
    enum class KeyOf { object, copy_source };
    void add_customer_key(Headers& headers, KeyOf whose) const;
    // Whether listings come with encoded names and say so.
    bool lists_encoded() const {
        return config_.official || config_.trusted_conditions || traits_.dialect == "oss";
    }
    RequestParts start(std::string_view kind, HttpMethod method, const ObjectKey& key) const;
    enum class LockPart { retention, legal_hold };
    RequestParts start_lock(std::string_view kind, HttpMethod method, const ObjectKey& key,
                            const VersionId& version, LockPart part) const;
    // "/bucket/key" (S3: without the first slash) with the key encoded, and the version where one
    // is meant.
    std::string copy_source(const ObjectKey& source, const VersionId& version) const;

    // The differences.
    virtual Result<void> add_encryption(Headers& headers,
                                        const ServerSideEncryption& sse) const = 0;
    virtual Result<void> add_own_attributes(Headers& headers,
                                            const ObjectAttributes& attributes) const = 0;
    virtual void read_own_attributes(const Headers& headers, ObjectInfo& info) const = 0;
    virtual Result<void> add_copy_guard(Headers& headers, const CopyGuard& guard) const = 0;
    virtual Result<void> add_must_not_exist(Headers& headers) const = 0;
    virtual Result<void> add_if_match(Headers& headers, const ETag& etag) const = 0;
    virtual void add_range_options(Headers& headers) const = 0;
    virtual void add_checksum_options(Headers& headers) const = 0;
    virtual std::string_view acl_header() const = 0;
    virtual Result<void> add_acl(Headers& headers, const std::string& acl) const;
    virtual std::string_view replace_word() const = 0;  // of the tagging directive
    virtual std::string restore_body(std::optional<unsigned> days,
                                     const std::string& tier) const = 0;
    virtual std::string decode_token(std::string token, bool url_encoded) const = 0;

    const DialectConfig config_;
    const StoreTraits traits_;
    const std::string_view prefix_;
};

std::unique_ptr<Dialect> make_oss_dialect(DialectConfig config);
std::unique_ptr<Dialect> make_s3_dialect(DialectConfig config);

// Shared by the builders and the store. Errors: invalid_argument for an unsafe name or value.
Result<void> add_safe_header(Headers& headers, std::string_view name, std::string_view value);
// Both services insist on an MD5, or check it, for bodies that name many things (protocol.md 6, 7).
void set_xml_body(RequestParts& parts, std::string xml);
Result<std::string> escaped(std::string_view text);  // for XML
// A retention that has run out protects nothing, and services take none whose end lies in the past:
// resent, it would make the object one that cannot be changed any more. `now` by the service's
// clock; {} = it did not say.
void drop_ended_retention(ObjectLock& lock, WallTime now);
// A Content-Disposition that says no more than to download.
bool is_bare_attachment(std::string_view disposition);
// "\"abc\"" and the text inside them.
std::string quote_etag(const ETag& etag);
ETag unquote_etag(std::string_view text);
// "CRC32C", ...: as the algorithm is asked for; in XML it stands behind "Checksum".
std::string checksum_word(Checksum::Kind kind);
// The root of a reply's document. Errors: bad_reply when it has another name.
class XmlDocument;
Result<XmlDocument> parse_reply(const HttpResponse& response, std::string_view root_name);

}  // namespace xbucket
