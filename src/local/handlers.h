// SPDX-FileCopyrightText: the xbucket authors
// All operations of the server, one function each, grouped by the file that holds them.
#pragma once

#include "site.h"

namespace xbucket::local {

// object_read.cpp
Outcome<Reply> get_object(Site& site, Call& call);       // GET and HEAD
Outcome<Reply> get_object_meta(Site& site, Call& call);  // HEAD ?objectMeta

// object_write.cpp
Outcome<Reply> put_object(Site& site, Call& call);

// object_copy.cpp
Outcome<Reply> copy_object(Site& site, Call& call);

// object_delete.cpp
Outcome<Reply> delete_object(Site& site, Call& call);
Outcome<Reply> delete_objects(Site& site, Call& call);

// list_objects.cpp
Outcome<Reply> list_objects(Site& site, Call& call);

// bucket.cpp
Outcome<Reply> list_buckets(Site& site, Call& call);
Outcome<Reply> head_bucket(Site& site, Call& call);
Outcome<Reply> put_bucket(Site& site, Call& call);
Outcome<Reply> delete_bucket(Site& site, Call& call);

// list_versions.cpp
Outcome<Reply> list_versions(Site& site, Call& call);

// bucket_config.cpp
Outcome<Reply> get_bucket_info(Site& site, Call& call);
Outcome<Reply> get_location(Site& site, Call& call);
Outcome<Reply> get_versioning(Site& site, Call& call);
Outcome<Reply> put_versioning(Site& site, Call& call);
Outcome<Reply> get_missing_configuration(Site& site, Call& call);

// multipart.cpp, multipart_copy.cpp, list_uploads.cpp
Outcome<Reply> initiate_upload(Site& site, Call& call);
Outcome<Reply> upload_part(Site& site, Call& call);
Outcome<Reply> upload_part_copy(Site& site, Call& call);
Outcome<Reply> complete_upload(Site& site, Call& call);
Outcome<Reply> abort_upload(Site& site, Call& call);
Outcome<Reply> list_uploads(Site& site, Call& call);
Outcome<Reply> list_parts(Site& site, Call& call);
// Refusal: InvalidArgument.
Outcome<unsigned> part_number_of(const Request& request);

// tagging.cpp
Outcome<Reply> get_tagging(Site& site, Call& call);
Outcome<Reply> put_tagging(Site& site, Call& call);
Outcome<Reply> delete_tagging(Site& site, Call& call);
Outcome<Reply> get_bucket_tagging(Site& site, Call& call);
Outcome<Reply> put_bucket_tagging(Site& site, Call& call);  // PUT and DELETE

// acl.cpp
Outcome<Reply> get_acl(Site& site, Call& call);
Outcome<Reply> put_acl(Site& site, Call& call);
Outcome<Reply> get_bucket_acl(Site& site, Call& call);
Outcome<Reply> put_bucket_acl(Site& site, Call& call);

// restore.cpp
Outcome<Reply> restore_object(Site& site, Call& call);
Outcome<Reply> clean_restored(Site& site, Call& call);

// object_lock.cpp
Outcome<Reply> put_legal_hold(Site& site, Call& call);
Outcome<Reply> get_legal_hold(Site& site, Call& call);
Outcome<Reply> put_retention(Site& site, Call& call);
Outcome<Reply> get_retention(Site& site, Call& call);

// symlink.cpp, append.cpp
Outcome<Reply> put_symlink(Site& site, Call& call);
Outcome<Reply> get_symlink(Site& site, Call& call);
Outcome<Reply> append_object(Site& site, Call& call);

}  // namespace xbucket::local
