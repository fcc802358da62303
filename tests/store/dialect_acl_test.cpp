// SPDX-FileCopyrightText: the xbucket authors
// ACLs: a reply's grants to one text, and that text to a request.
#include "dialect.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

std::unique_ptr<Dialect> oss() { return make_oss_dialect({.bucket = "b", .official = true}); }
std::unique_ptr<Dialect> s3() { return make_s3_dialect({.bucket = "b", .official = true}); }

HttpResponse xml(std::string body) {
    HttpResponse out;
    out.status = 200;
    out.body = std::move(body);
    return out;
}

template <class T>
ErrorKind kind(const Result<T>& result) {
    return result ? ErrorKind::internal : result.error().kind;
}

std::string acl_document(const std::string& grants) {
    return "<AccessControlPolicy><Owner><ID>me</ID></Owner><AccessControlList>"
           "<Grant><Grantee><ID>me</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>" +
           grants + "</AccessControlList></AccessControlPolicy>";
}
std::string group_grant(const std::string& group, const std::string& permission) {
    return "<Grant><Grantee xmlns:xsi=\"x\" "
           "xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/"
           "global/" +
           group + "</URI></Grantee><Permission>" + permission + "</Permission></Grant>";
}

TEST(ParseAcl, grants_become_the_canned_name_that_makes_them) {
    const std::string read = group_grant("AllUsers", "READ");
    EXPECT_EQ(*s3()->parse_acl(xml(acl_document(""))), "private");
    EXPECT_EQ(*s3()->parse_acl(xml(acl_document(read))), "public-read");
    EXPECT_EQ(*s3()->parse_acl(xml(acl_document(read + group_grant("AllUsers", "WRITE")))),
              "public-read-write");
    EXPECT_EQ(*s3()->parse_acl(xml(acl_document(group_grant("AuthenticatedUsers", "READ")))),
              "authenticated-read");
    EXPECT_EQ(kind(s3()->parse_acl(xml(acl_document(group_grant("AuthenticatedUsers", "WRITE"))))),
              ErrorKind::unsupported)
        << "no request can make it";
    EXPECT_EQ(*oss()->parse_acl(xml("<AccessControlPolicy><AccessControlList><Grant>public-read"
                                    "</Grant></AccessControlList></AccessControlPolicy>")),
              "public-read");
    EXPECT_EQ(kind(oss()->parse_acl(xml("<AccessControlPolicy/>"))), ErrorKind::bad_reply);
}

TEST(ParseAcl, other_grants_become_the_headers_that_make_them) {
    const std::string other =
        "<Grant><Grantee><ID>zoe</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>"
        "<Grant><Grantee><ID>bob</ID></Grantee><Permission>READ_ACP</Permission></Grant>";
    const std::string all = other + group_grant("AllUsers", "READ");
    const auto acl = s3()->parse_acl(xml(acl_document(all)));
    ASSERT_TRUE(acl);
    EXPECT_EQ(*acl,
              "full-control=id=\"me\",id=\"zoe\";"
              "read=uri=\"http://acs.amazonaws.com/groups/global/AllUsers\";"
              "read-acp=id=\"bob\"");
    PutRequest put{.key = ObjectKey("k")};
    put.attributes.acl = *acl;
    for (const auto& parts : {s3()->put(put), s3()->put_acl(ObjectKey("k"), *acl),
                              s3()->create_upload(ObjectKey("k"), put.attributes)}) {
        ASSERT_TRUE(parts);
        EXPECT_EQ(parts->headers.value_or_empty("x-amz-grant-full-control"),
                  "id=\"me\",id=\"zoe\"");
        EXPECT_EQ(parts->headers.value_or_empty("x-amz-grant-read"),
                  "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"");
        EXPECT_EQ(parts->headers.value_or_empty("x-amz-grant-read-acp"), "id=\"bob\"");
        EXPECT_FALSE(parts->headers.has("x-amz-acl")) << "one or the other";
    }
    for (const char* odd : {"x=y", "write=id=\"a\"", "read="}) {
        EXPECT_EQ(kind(s3()->put_acl(ObjectKey("k"), odd)), ErrorKind::invalid_argument) << odd;
    }
}

}  // namespace
}  // namespace xbucket
