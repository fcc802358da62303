// SPDX-FileCopyrightText: the xbucket authors
// Retention and legal hold where HEAD may have left them out, and putting them back.
#include "http_store_impl.h"

#include "xbucket/base/encoding.h"

#include <algorithm>
#include <array>

namespace xbucket {
namespace {

// What services that have no Object Lock, or buckets without it, say of it.
bool says_there_is_none(const Error& error) {
    return error.kind == ErrorKind::not_found || error.kind == ErrorKind::unsupported ||
           error.kind == ErrorKind::invalid_argument;
}

bool is_gone(const Error& error) {
    return error.code == "NoSuchKey" || error.code == "NoSuchVersion";
}

// Says nothing of the bucket, and another time it may.
bool is_of_the_moment(const Error& error, const StoreTraits& traits) {
    static constexpr std::array kPassing = {
        ErrorKind::timed_out,           ErrorKind::network,   ErrorKind::tls,
        ErrorKind::throttled,           ErrorKind::cancelled, ErrorKind::bad_credentials,
        ErrorKind::expired_credentials, ErrorKind::clock_skew};
    // Others answer so to what they do not know.
    if (error.kind == ErrorKind::server_error) return traits.copy_conditions_known;
    return std::find(kPassing.begin(), kPassing.end(), error.kind) != kPassing.end();
}

}  // namespace

// Who may not read the bucket's setting learns of the objects' own whether there is any.
Result<bool> HttpStore::may_have_locks(const CallOptions& options) {
    const BucketLock known = bucket_lock_.load();
    if (known != BucketLock::unknown) return known == BucketLock::possible;
    auto response = requester_.call(dialect_->bucket_lock(), options);
    const bool denied = !response && response.error().kind == ErrorKind::access_denied;
    if (!response && is_of_the_moment(response.error(), traits()))
        return std::move(response.error()).with_context("reading the bucket's Object Lock");
    // Some servers answer with something else altogether.
    const bool possible =
        denied || (response && dialect_->parse_bucket_lock(*response).value_or(false));
    bucket_lock_ = possible ? BucketLock::possible : BucketLock::none;
    return possible;
}

Result<ObjectLock> HttpStore::get_lock(const ObjectKey& key, const ObjectInfo& head,
                                       const CallOptions& options) {
    ObjectLock lock = head.attributes.lock;
    if (!traits().hides_locks || head.version_id.empty()) return lock;
    if (!TRY(may_have_locks(options))) return lock;
    const ObjectKey whole_key = TRY(whole(key));
    if (lock.mode.empty()) {
        auto response =
            requester_.call(dialect_->get_retention(whole_key, head.version_id), options);
        if (response) {
            const ObjectLock found = TRY(dialect_->parse_retention(*response));
            lock.mode = found.mode;
            lock.retain_until = found.retain_until;
        } else if (is_gone(response.error()) || !says_there_is_none(response.error())) {
            return std::move(response.error());
        } else if (response.error().kind != ErrorKind::not_found) {
            bucket_lock_ = BucketLock::none;  // "Bucket is missing Object Lock Configuration"
            return lock;
        }
    }
    if (!lock.legal_hold.empty()) return lock;
    auto response = requester_.call(dialect_->get_legal_hold(whole_key, head.version_id), options);
    if (response) {
        // To send "no hold" takes a right that to say nothing does not.
        const std::string status = TRY(dialect_->parse_legal_hold(*response));
        if (status == "ON") lock.legal_hold = status;
    } else if (is_gone(response.error()) || !says_there_is_none(response.error())) {
        return std::move(response.error());
    }
    return lock;
}

Result<void> HttpStore::put_lock(const ObjectKey& key, const ObjectLock& lock,
                                 const VersionId& version, const CallOptions& options) {
    const ObjectKey whole_key = TRY(whole(key));
    if (!lock.mode.empty())
        TRY(requester_.call(TRY(dialect_->put_retention(whole_key, lock, version)), options));
    if (iequals(lock.legal_hold, "ON"))
        TRY(requester_.call(TRY(dialect_->put_legal_hold(whole_key, lock, version)), options));
    return {};
}

}  // namespace xbucket
