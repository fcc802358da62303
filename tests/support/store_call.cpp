// SPDX-FileCopyrightText: the xbucket authors
// Names and kinds of ObjectStore's calls.
#include "support/store_call.h"

namespace xbucket::testing {

std::string_view to_string(StoreCall call) {
    switch (call) {
        case StoreCall::head:
            return "HEAD";
        case StoreCall::get:
            return "GET";
        case StoreCall::put:
            return "PUT";
        case StoreCall::copy:
            return "COPY";
        case StoreCall::list:
            return "LIST";
        case StoreCall::remove:
            return "DELETE";
        case StoreCall::remove_many:
            return "DELETE_MANY";
        case StoreCall::create_upload:
            return "CREATE_UPLOAD";
        case StoreCall::upload_part:
            return "UPLOAD_PART";
        case StoreCall::upload_part_copy:
            return "UPLOAD_PART_COPY";
        case StoreCall::complete_upload:
            return "COMPLETE_UPLOAD";
        case StoreCall::abort_upload:
            return "ABORT_UPLOAD";
        case StoreCall::list_uploads:
            return "LIST_UPLOADS";
        case StoreCall::get_tags:
            return "GET_TAGS";
        case StoreCall::put_tags:
            return "PUT_TAGS";
        case StoreCall::get_acl:
            return "GET_ACL";
        case StoreCall::put_acl:
            return "PUT_ACL";
        case StoreCall::get_lock:
            return "GET_LOCK";
        case StoreCall::put_lock:
            return "PUT_LOCK";
        case StoreCall::restore:
            return "RESTORE";
        case StoreCall::put_symlink:
            return "PUT_SYMLINK";
        case StoreCall::append:
            return "APPEND";
        case StoreCall::get_symlink:
            return "GET_SYMLINK";
        case StoreCall::check_access:
            return "LIST";
        case StoreCall::versioning:
            return "VERSIONING";
        case StoreCall::list_versions:
            return "LIST_VERSIONS";
    }
    return "?";
}

bool is_mutation(StoreCall call) {
    switch (call) {
        case StoreCall::head:
        case StoreCall::get:
        case StoreCall::list:
        case StoreCall::list_uploads:
        case StoreCall::get_tags:
        case StoreCall::get_acl:
        case StoreCall::get_lock:
        case StoreCall::get_symlink:
        case StoreCall::check_access:
        case StoreCall::versioning:
        case StoreCall::list_versions:
            return false;
        case StoreCall::put:
        case StoreCall::copy:
        case StoreCall::remove:
        case StoreCall::remove_many:
        case StoreCall::create_upload:
        case StoreCall::upload_part:
        case StoreCall::upload_part_copy:
        case StoreCall::complete_upload:
        case StoreCall::abort_upload:
        case StoreCall::put_tags:
        case StoreCall::put_acl:
        case StoreCall::put_lock:
        case StoreCall::restore:
        case StoreCall::put_symlink:
        case StoreCall::append:
            return true;
    }
    return true;
}

}  // namespace xbucket::testing
