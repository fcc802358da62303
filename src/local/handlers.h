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

}  // namespace xbucket::local
