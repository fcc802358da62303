// SPDX-FileCopyrightText: the xbucket authors
// Every parser that reads a reply's body, with any bytes. Beyond not crashing: what is accepted
// must keep the promises of its header.
#include "dialect.h"
#include "errors.h"

#include "xbucket/store/xml.h"

#include <cstdint>

using namespace xbucket;  // NOLINT

namespace {

void check_page(const Result<ListPage>& page, std::string_view given) {
    if (!page) return;
    CHECK(page->next_token.empty() || page->next_token != given);
    for (const ListEntry& entry : page->objects) {
        CHECK(!entry.key.empty());
        CHECK(entry.size <= INT64_MAX);
        CHECK(entry.last_modified.since_epoch.count() % 1'000'000'000 == 0);
    }
}

void check_versions(const Result<VersionsPage>& page) {
    if (!page) return;
    for (const ObjectVersion& version : page->versions) {
        CHECK(!version.id.empty());
        CHECK(version.size <= INT64_MAX);
        CHECK(!version.delete_marker || version.etag.empty());
    }
    CHECK(page->next_key_marker.empty() || page->next_key_marker == "a b");
}

template <class T>
void check_kind(const Result<T>& result) {
    CHECK(result || result.error().kind == ErrorKind::bad_reply ||
          result.error().kind == ErrorKind::unsupported);
}

void parse_all(const Dialect& dialect, const HttpResponse& response) {
    check_page(dialect.parse_list(response, "t"), "t");
    check_kind(dialect.parse_copy(response));
    check_kind(dialect.parse_create_upload(response));
    check_kind(dialect.parse_upload_part_copy(response, 1, 1));
    check_kind(dialect.parse_complete(response));
    check_kind(dialect.parse_uploads(response));
    check_kind(dialect.parse_tags(response));
    check_kind(dialect.parse_versions(response, ObjectKey("a b")));
    check_versions(dialect.parse_versions(response, ObjectKey("a b")));
    check_kind(dialect.parse_acl(response));
    check_kind(dialect.parse_versioning(response));
    const auto failures = dialect.parse_remove_many(response, {ObjectKey("a"), ObjectKey("b")});
    check_kind(failures);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto oss = make_oss_dialect({.bucket = "b", .official = true});
    static const auto s3 = make_s3_dialect({.bucket = "b"});
    HttpResponse response;
    response.status = 404;
    response.body.assign(reinterpret_cast<const char*>(data), size);
    parse_all(*oss, response);
    parse_all(*s3, response);
    const Error error = parse_error("x-oss-", response);
    CHECK(error.http_status == 404);
    CHECK(error.message.find('\n') == std::string::npos);
    (void)parse_error_in_success("x-amz-", response);
    if (const auto escaped = xml_escape(response.body)) {
        // What we write, we and everybody can read back.
        const auto again = XmlDocument::parse("<a>" + *escaped + "</a>");
        if (again && size != 0) CHECK(again->root().raw_text() == response.body);
    }
    return 0;
}
