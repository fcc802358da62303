// SPDX-FileCopyrightText: the xbucket authors
// Whole objects: head, get, put, copy, list, remove.
#include "get_transfer.h"
#include "http_store_impl.h"
#include "multipart_copy.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

// `context` keeps parse errors readable: they know the reply, not the key.
template <class T>
Result<T> in_context(Result<T> parsed, std::string_view kind, const ObjectKey& key) {
    if (parsed) return parsed;
    return std::move(parsed.error()).with_context(fmt::format("{} {}", kind, key.str()));
}

Result<HeadReply> read_head(const Dialect& dialect, const ObjectKey& key, HttpResponse response) {
    HeadReply reply;
    reply.info = TRY(in_context(dialect.parse_object(response.headers), "HEAD", key));
    reply.headers = std::move(response.headers);
    return reply;
}

// OSS's guard "modified since" fails with 304 (protocol.md 3.4); to the caller it is a guard.
Error as_copy_error(Error error, const CopyRequest& request) {
    if (error.kind == ErrorKind::not_modified) error.kind = ErrorKind::precondition_failed;
    const CopyGuard& guard = request.guard;
    const bool only_absence = !guard.source_unmodified_since && !guard.source_modified_since &&
                              !guard.source_if_match && !guard.destination_if_match;
    return as_already_exists(std::move(error), guard.destination_must_not_exist && only_absence);
}

// The bytes that were stored first are there still, unless the second request arrived.
Error as_damaged(Error error, const ObjectKey& key, std::string_view damage) {
    error.kind = ErrorKind::checksum_mismatch;
    error.outcome_unknown = true;
    return std::move(error).with_context(
        fmt::format("PUT {}: the service stored other bytes than were sent ({}), and may have kept "
                    "them: write it again; sending them again failed",
                    key.str(), damage));
}

}  // namespace

Result<HeadReply> HttpStore::head(const ObjectKey& key, const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->head(TRY(whole(key)), options.with_checksum));
    return head_in(key, requester_.call(parts, options));
}

Result<HeadReply> HttpStore::head_in(const ObjectKey& key, Result<HttpResponse> response) {
    if (!response) return with_key_hint(std::move(response.error()));
    if (dialect_->adds_disposition(response->headers)) adds_dispositions_ = true;
    note_reply(response->headers);
    return read_head(*dialect_, key, *std::move(response));
}

Result<void> HttpStore::check_disposition(const CopyRequest& request, const CallOptions& options) {
    if (!adds_dispositions_ || !request.replace || request.source != request.destination) return {};
    const auto& disposition = (*request.replace)[HttpField::content_disposition];
    if (!disposition || !is_bare_attachment(*disposition)) return {};
    const HeadReply now = TRY(head(request.source, options));
    if (!dialect_->adds_disposition(now.headers)) return {};
    return fail(ErrorKind::invalid_argument,
                fmt::format("COPY {}: under this domain the service itself adds the "
                            "Content-Disposition \"attachment\" to what it says of the object, and "
                            "hides whether the object has one: give one with a file name, as "
                            "\"attachment; filename=NAME\"",
                            printable(request.source.str())));
}

FacetReplies HttpStore::read_facets(const ObjectKey& key, Facets facets,
                                    const CallOptions& options) {
    const auto whole_key = whole(key);
    const int count = int{facets.head} + int{facets.acl} + int{facets.tags};
    if (count < 2 || !whole_key) return ObjectStore::read_facets(key, facets, options);
    std::vector<RequestParts> parts;
    const auto add = [&parts](Result<RequestParts> built) {
        if (built) parts.push_back(*std::move(built));
        return built.has_value();
    };
    const bool built = (!facets.head || add(dialect_->head(*whole_key))) &&
                       (!facets.acl || add(dialect_->get_acl(*whole_key))) &&
                       (!facets.tags || add(dialect_->get_tags(*whole_key)));
    if (!built) return ObjectStore::read_facets(key, facets, options);  // says what is wrong
    auto responses = requester_.call_all(parts, options);
    auto next = responses.begin();
    FacetReplies replies;
    if (facets.head) replies.head = head_in(key, std::move(*next++));
    if (facets.acl) replies.acl = acl_in(std::move(*next++));
    if (facets.tags) replies.tags = tags_in(std::move(*next++));
    return replies;
}

Result<std::pair<ObjectInfo, std::optional<KeptChecksum>>> HttpStore::head_with_checksum(
    const ObjectKey& key, const CallOptions& options) {
    CallOptions asking = options;
    asking.with_checksum = true;
    HeadReply reply = TRY(head(key, asking));
    return std::pair(std::move(reply.info), dialect_->parse_checksum(reply.headers));
}

void HttpStore::head_async(const ObjectKey& key, const CallOptions& options,
                           std::function<void(Result<HeadReply>)> done) {
    auto whole_key = whole(key);
    if (!whole_key) return done(std::move(whole_key.error()));
    auto parts = dialect_->head(*whole_key);
    if (!parts) return done(std::move(parts.error()));
    requester_.call_async(std::move(*parts), options,
                          [this, key, done = std::move(done)](Result<HttpResponse> response) {
                              done(head_in(key, std::move(response)));
                          });
}

Result<ObjectInfo> HttpStore::get(const GetRequest& request, GetSink& sink,
                                  const CallOptions& options) {
    GetRequest whole_request = request;
    whole_request.key = TRY(whole(request.key));
    if (request.length > UINT64_MAX - request.offset) whole_request.length = 0;
    EtagDoubts* doubts = dialect_->etags_are_md5() ? nullptr : &etag_doubts_;
    auto got = run_get(requester_, *dialect_, whole_request, sink, doubts, options);
    if (!got) return with_key_hint(std::move(got.error()));
    return got;
}

// Reading says so little that nothing else of it can be an invalid request.
Error HttpStore::with_key_hint(Error error) {
    constexpr int kBadRequest = 400;
    if (error.http_status != kBadRequest || error.code != "InvalidRequest") return error;
    const std::string_view hint =
        config_.customer_key.empty()
            ? "the object is encrypted with a key of its owner's (SSE-C): mount with --sse-c-key"
            : "the object is not encrypted with the key of --sse-c-key: mount without it";
    if (!key_hint_given_.exchange(true))
        log_warning("store", "event=encrypted_otherwise note=\"{}\" error=\"{}\"", hint,
                    error.describe());
    error.kind = ErrorKind::access_denied;
    return std::move(error).with_context(hint);
}

Result<PutReply> HttpStore::put(const PutRequest& request, const CallOptions& options) {
    PutRequest whole_request = request;
    whole_request.key = TRY(whole(request.key));
    std::shared_ptr<CheckedSource> checked;
    if (request.body) {
        if (request.body->size() > traits().put_bytes_max) {
            return fail(
                ErrorKind::file_too_large,
                fmt::format("{} bytes are more than one upload may have", request.body->size()));
        }
        const bool small = request.body->size() <= kMd5BytesMax;
        checked = std::make_shared<CheckedSource>(request.body, traits().crc64_kind,
                                                  small && dialect_->puts_say_md5());
        whole_request.body = checked;
    }
    // Where the service has stored other bytes it gets them again, in place of those.
    std::string damage;
    for (;;) {
        auto response = create(request.key, whole_request.must_not_exist, options,
                               [&](bool with_condition) -> Result<HttpResponse> {
                                   whole_request.must_not_exist = with_condition;
                                   return send_content(TRY(dialect_->put(whole_request)), options);
                               });
        if (!response) {
            if (!damage.empty()) {
                return as_damaged(std::move(response.error()), request.key, damage);
            }
            return as_refused(
                as_already_exists(std::move(response.error()), whole_request.must_not_exist),
                whole_request.if_match);
        }
        PutReply reply =
            TRY(in_context(unknown_if_unread(dialect_->parse_put(*response)), "PUT", request.key));
        const std::string other = difference(checked.get(), *response, reply);
        if (other.empty()) return reply;
        if (!damage.empty()) {
            Error error(ErrorKind::checksum_mismatch,
                        fmt::format("PUT {}: the service stored other bytes than were sent ({}): "
                                    "write it again",
                                    request.key.str(), other));
            error.outcome_unknown = true;
            return error;
        }
        log_warning("store", "key='{}' is sent again: the service stored other bytes ({})",
                    printable(request.key.str()), other);
        damage = other;
        whole_request.must_not_exist = false;
        if (traits().destination_conditions) whole_request.if_match = reply.etag;
    }
}

std::string HttpStore::difference(const CheckedSource* sent, const HttpResponse& response,
                                  const PutReply& reply) const {
    const uint64_t crc = sent ? sent->crc() : 0;
    if (reply.crc64) {
        if (*reply.crc64 == crc) return {};
        return fmt::format("CRC64 {} instead of {}", *reply.crc64, crc);
    }
    if (!sent || !sent->has_md5()) return {};
    const std::string said = dialect_->parse_md5(response.headers);
    const std::string md5 = sent->md5();
    if (said.empty() || said == md5) return {};
    return fmt::format("MD5 {} instead of {}", said, md5);
}

Result<PutReply> HttpStore::append(const ObjectKey& key, uint64_t position,
                                   std::shared_ptr<BodySource> body, const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->append(TRY(whole(key)), position, std::move(body)));
    const HttpResponse response = TRY(requester_.call(parts, options));
    return in_context(unknown_if_unread(dialect_->parse_put(response)), "APPEND", key);
}

Result<CopyReply> HttpStore::copy(const CopyRequest& request, const CallOptions& options) {
    TRY(check_disposition(request, options));
    CopyRequest whole_request = request;
    whole_request.source = TRY(whole(request.source));
    whole_request.destination = TRY(whole(request.destination));
    const uint64_t single_max = traits().copy_bytes_max;
    if (single_max != 0 && request.source_bytes > single_max) {
        return MultipartCopy(*this, request, options).run();
    }
    auto copied = copy_once(whole_request, request.destination, options);
    if (!copied && copied.error().kind == ErrorKind::file_too_large) {
        return MultipartCopy(*this, request, options).run();
    }
    return copied;
}

Result<CopyReply> HttpStore::copy_once(const CopyRequest& request, const ObjectKey& destination,
                                       const CallOptions& options) {
    CopyRequest sent = request;
    auto response = create(destination, request.guard.destination_must_not_exist, options,
                           [&](bool with_condition) -> Result<HttpResponse> {
                               sent.guard.destination_must_not_exist = with_condition;
                               return requester_.call(TRY(dialect_->copy(sent)), options);
                           });
    if (!response) return as_copy_error(std::move(response.error()), request);
    return in_context(unknown_if_unread(dialect_->parse_copy(*response)), "COPY",
                      request.destination);
}

Result<ListPage> HttpStore::list(const ListRequest& request, const CallOptions& options) {
    ListRequest whole_request = request;
    whole_request.prefix = config_.key_prefix + request.prefix;
    if (!request.start_after.empty()) {
        whole_request.start_after = config_.key_prefix + request.start_after;
    }
    const RequestParts parts = TRY(dialect_->list(whole_request));
    const TimePoint begun = requester_.clock().now();
    const HttpResponse response = TRY(requester_.call(parts, options));
    ListPage page = TRY(in_context(dialect_->parse_list(response, request.token), "LIST",
                                   ObjectKey(whole_request.prefix)));
    page.begun = begun;
    if (config_.key_prefix.empty()) return page;
    for (ListEntry& entry : page.objects) entry.key = ObjectKey(TRY(cut(entry.key.str())));
    for (std::string& prefix : page.common_prefixes) prefix = TRY(cut(prefix));
    return page;
}

Result<void> HttpStore::remove(const ObjectKey& key, const ETag& if_match,
                               const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->remove(TRY(whole(key)), if_match));
    auto response = requester_.call(parts, options);
    // Some servers say 404 where OSS and S3 say 204.
    if (!response && response.error().kind != ErrorKind::not_found) {
        return std::move(response.error());
    }
    return {};
}

Result<std::vector<DeleteFailure>> HttpStore::remove_many(const std::vector<ObjectKey>& keys,
                                                          const CallOptions& options) {
    if (keys.empty()) return std::vector<DeleteFailure>();
    constexpr size_t kKeysMax = 1000;
    if (keys.size() > kKeysMax) {
        return fail(ErrorKind::invalid_argument, "at most 1000 keys are deleted in one request");
    }
    std::vector<ObjectKey> together;
    std::vector<DeleteFailure> failures;
    for (const ObjectKey& key : keys) {
        if (dialect_->fits_in_xml(TRY(whole(key)))) {
            together.push_back(key);
        } else if (auto removed = remove(key, {}, options); !removed) {
            failures.push_back({key, std::move(removed.error())});
        }
    }
    if (together.empty()) return failures;
    for (DeleteFailure& failure : TRY(remove_in_one(together, options))) {
        failures.push_back(std::move(failure));
    }
    return failures;
}

Result<std::vector<DeleteFailure>> HttpStore::remove_in_one(const std::vector<ObjectKey>& keys,
                                                            const CallOptions& options) {
    std::vector<ObjectKey> whole_keys;
    whole_keys.reserve(keys.size());
    for (const ObjectKey& key : keys) whole_keys.push_back(TRY(whole(key)));
    const RequestParts parts = TRY(dialect_->remove_many(whole_keys));
    const HttpResponse response = TRY(requester_.call(parts, options));
    auto failures = TRY(unknown_if_unread(dialect_->parse_remove_many(response, whole_keys)));
    for (DeleteFailure& failure : failures) {
        failure.key = ObjectKey(TRY(unknown_if_unread(cut(failure.key.str()))));
    }
    return failures;
}

}  // namespace xbucket
