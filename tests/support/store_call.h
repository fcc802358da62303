// SPDX-FileCopyrightText: the xbucket authors
// Names for the calls of ObjectStore, so that tests can count and script them.
#pragma once

#include <string_view>

namespace xbucket::testing {

enum class StoreCall {
    head,  // head and head_async
    get,
    put,
    copy,
    list,
    remove,
    remove_many,
    create_upload,
    upload_part,
    upload_part_copy,
    complete_upload,
    abort_upload,
    list_uploads,
    get_tags,
    put_tags,
    get_acl,
    put_acl,
    get_lock,  // where it is asked for
    put_lock,
    restore,
    put_symlink,
    append,
    get_symlink,
    check_access,
    versioning,
    list_versions,
};

// "HEAD", "COPY", ...: the names that ObjectStore::Stats::requests uses.
std::string_view to_string(StoreCall call);

// Whether the call changes something at the service, so that a lost reply leaves its outcome open.
bool is_mutation(StoreCall call);

}  // namespace xbucket::testing
