// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/store/object_store.h"

namespace xbucket {

FacetReplies ObjectStore::read_facets(const ObjectKey& key, Facets facets,
                                      const CallOptions& options) {
    FacetReplies replies;
    if (facets.head) replies.head = head(key, options);
    if (facets.acl) replies.acl = get_acl(key, options);
    if (facets.tags) replies.tags = get_tags(key, options);
    return replies;
}

Result<ObjectLock> ObjectStore::get_lock(const ObjectKey&, const ObjectInfo& head,
                                         const CallOptions&) {
    return head.attributes.lock;
}

Result<void> ObjectStore::put_lock(const ObjectKey&, const ObjectLock&, const VersionId&,
                                   const CallOptions&) {
    return fail(ErrorKind::unsupported, "this service has no locks of objects");
}

}  // namespace xbucket
