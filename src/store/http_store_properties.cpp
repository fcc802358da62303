// SPDX-FileCopyrightText: the xbucket authors
// What has requests of its own beside the object: tags, ACL, restore, links, URLs, the bucket.
#include "http_store_impl.h"

#include <algorithm>

namespace xbucket {

Result<Tags> HttpStore::get_tags(const ObjectKey& key, const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->get_tags(TRY(whole(key))));
    return tags_in(requester_.call(parts, options));
}

Result<Tags> HttpStore::tags_in(Result<HttpResponse> response) const {
    // Some servers refuse to show an empty set.
    if (!response && response.error().code == "NoSuchTagSet") return Tags();
    if (!response) return std::move(response.error());
    return dialect_->parse_tags(*response);
}

Result<void> HttpStore::put_tags(const ObjectKey& key, const Tags& tags,
                                 const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->put_tags(TRY(whole(key)), tags));
    TRY(requester_.call(parts, options));
    return {};
}

Result<std::string> HttpStore::get_acl(const ObjectKey& key, const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->get_acl(TRY(whole(key))));
    return acl_in(requester_.call(parts, options));
}

Result<std::string> HttpStore::acl_in(Result<HttpResponse> response) const {
    return dialect_->parse_acl(TRY(std::move(response)));
}

Result<void> HttpStore::put_acl(const ObjectKey& key, const std::string& canned,
                                const CallOptions& options) {
    if (canned.empty()) return fail(ErrorKind::invalid_argument, "an ACL cannot be empty");
    const RequestParts parts = TRY(dialect_->put_acl(TRY(whole(key)), canned));
    TRY(requester_.call(parts, options));
    return {};
}

Result<void> HttpStore::restore(const ObjectKey& key, std::optional<unsigned> days,
                                const std::string& tier, const CallOptions& options) {
    if (days == 0) {
        return fail(ErrorKind::invalid_argument, "an object is restored for at least one day");
    }
    const RequestParts parts = TRY(dialect_->restore(TRY(whole(key)), days, tier));
    auto response = requester_.call(parts, options);
    if (response) return {};
    Error error = std::move(response.error());
    // S3's word for an object that is in no archive.
    if (error.kind == ErrorKind::archived) error.kind = ErrorKind::unsupported;
    return error;
}

Result<void> HttpStore::put_symlink(const ObjectKey& key, const ObjectKey& target,
                                    const ObjectAttributes& attributes,
                                    const CallOptions& options) {
    const RequestParts parts =
        TRY(dialect_->put_symlink(TRY(whole(key)), TRY(whole(target)), attributes));
    TRY(requester_.call(parts, options));
    return {};
}

Result<ObjectKey> HttpStore::get_symlink(const ObjectKey& key, const CallOptions& options) {
    const RequestParts parts = TRY(dialect_->get_symlink(TRY(whole(key))));
    const ObjectKey target = TRY(dialect_->parse_symlink(TRY(requester_.call(parts, options))));
    auto below = cut(target.str());
    if (!below) {
        return fail(ErrorKind::unsupported, "the link leads out of the prefix that is mounted");
    }
    return ObjectKey(*below);
}

Result<std::string> HttpStore::presign_get(const ObjectKey& key, std::chrono::seconds life) {
    if (!config_.customer_key.empty()) {
        return fail(ErrorKind::unsupported,
                    "the object is encrypted with a key of your own, which a URL does not carry");
    }
    return requester_.presign(TRY(whole(key)), life);
}

Result<void> HttpStore::check_access(const CallOptions& options) {
    ListRequest request;
    request.prefix = config_.key_prefix;
    request.keys_max = 1;
    const RequestParts parts = TRY(dialect_->list(request));
    const HttpResponse response = TRY(requester_.call(parts, options));
    auto page = dialect_->parse_list(response, "");
    if (!page) {
        return std::move(page.error())
            .with_context("the endpoint does not answer as an object service, check its address");
    }
    return {};
}

Result<std::string> HttpStore::versioning(const CallOptions& options) {
    const RequestParts parts = dialect_->versioning();
    std::string state = TRY(dialect_->parse_versioning(TRY(requester_.call(parts, options))));
    note_versioning(state);
    return state;
}

Result<VersionList> HttpStore::list_versions(const ObjectKey& key, size_t versions_max,
                                             const CallOptions& options) {
    const ObjectKey whole_key = TRY(whole(key));
    VersionList list;
    VersionsPage page;
    PageLimit limit;
    do {
        // One more than is wanted tells whether there are more.
        const size_t left = versions_max + 1 - list.versions.size();
        const RequestParts parts = TRY(dialect_->list_versions(
            whole_key, page.next_key_marker, page.next_version_marker,
            static_cast<unsigned>(std::min<size_t>(left, traits().list_keys_max))));
        const std::string marker = page.next_version_marker;
        page = TRY(dialect_->parse_versions(TRY(requester_.call(parts, options)), whole_key));
        TRY(limit.next(page.versions.empty()));
        for (ObjectVersion& version : page.versions) list.versions.push_back(std::move(version));
        if (!page.next_key_marker.empty() && page.next_version_marker == marker) {
            return fail(ErrorKind::bad_reply, "the list of versions repeats its page for ever");
        }
    } while (!page.next_key_marker.empty() && list.versions.size() <= versions_max);
    list.more = list.versions.size() > versions_max;
    if (list.more) list.versions.resize(versions_max);
    return list;
}

}  // namespace xbucket
