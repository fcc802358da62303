// SPDX-FileCopyrightText: the xbucket authors
// Replies to values, hostile and broken ones included.
#include "dialect.h"

#include "xbucket/base/encoding.h"
#include "xbucket/store/xml.h"

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

Headers object_headers(Headers more = {}) {
    Headers out = {{"ETag", "\"5B3C1A2E\""},
                   {"Content-Length", "344606"},
                   {"Last-Modified", "Fri, 24 Feb 2012 06:07:48 GMT"}};
    for (const HeaderView header : more) out.set(header.name, header.value);
    return out;
}

template <class T>
ErrorKind kind(const Result<T>& result) {
    return result ? ErrorKind::internal : result.error().kind;
}

// HeadObject.

TEST(ParseObject, oss_headers_become_the_complete_metadata) {
    const auto info = oss()->parse_object(object_headers({
        {"Date", "Fri, 24 Feb 2012 06:08:00 GMT"},
        {"X-Oss-Object-Type", "Appendable"},
        {"x-oss-storage-class", "IA"},
        {"x-oss-meta-Year", " 2021 "},
        {"X-OSS-META-raw", "\xC3\xA9\xFF"},
        {"x-oss-meta-empty", ""},
        {"Content-Type", "image/jpg"},
        {"Cache-Control", "no-cache"},
        {"Content-Disposition", "attachment"},
        {"Content-Encoding", "gzip"},
        {"Content-Language", "de"},
        {"Expires", "Wed, 01 Jan 2031 00:00:00 GMT"},
        {"x-oss-server-side-encryption", "KMS"},
        {"x-oss-server-side-encryption-key-id", "key-1"},
        {"x-oss-server-side-data-encryption", "SM4"},
        {"x-oss-hash-crc64ecma", "18446744073709551615"},
        {"x-oss-next-append-position", "344606"},
        {"x-oss-tagging-count", "3"},
        {"x-oss-version-id", "v1"},
        {"x-oss-restore", "ongoing-request=\"true\""},
        {"x-oss-expiration", "expiry-date=\"x\", rule-id=\"y\""},
        {"x-oss-request-id", "R1"},
        {"Own-Header", "kept"},
    }));
    ASSERT_TRUE(info) << info.error().describe();
    EXPECT_EQ(info->etag.str(), "5B3C1A2E");
    EXPECT_EQ(info->size, 344606U);
    EXPECT_EQ(info->last_modified, WallTime::from_seconds(1330063668));
    EXPECT_EQ(info->date, WallTime::from_seconds(1330063680));
    EXPECT_EQ(info->type, ObjectType::appendable);
    EXPECT_EQ(info->crc64, UINT64_MAX);
    EXPECT_EQ(info->next_append_position, 344606U);
    EXPECT_EQ(info->tag_count, 3U);
    EXPECT_EQ(info->version_id.str(), "v1");
    EXPECT_EQ(info->restore, "ongoing-request=\"true\"");
    EXPECT_EQ(info->request_id, "R1");
    const ObjectAttributes& a = info->attributes;
    EXPECT_EQ(a[HttpField::content_type], "image/jpg");
    EXPECT_EQ(a[HttpField::cache_control], "no-cache");
    EXPECT_EQ(a[HttpField::content_disposition], "attachment");
    EXPECT_EQ(a[HttpField::content_encoding], "gzip");
    EXPECT_EQ(a[HttpField::content_language], "de");
    EXPECT_EQ(a[HttpField::expires], "Wed, 01 Jan 2031 00:00:00 GMT");
    EXPECT_EQ(a.user, (UserMetadata{{"year", " 2021 "}, {"raw", "\xC3\xA9\xFF"}, {"empty", ""}}));
    EXPECT_EQ(a.storage_class, "IA");
    EXPECT_EQ(a.sse, (ServerSideEncryption{
                         .algorithm = "KMS", .key_id = "key-1", .data_algorithm = "SM4"}));
    EXPECT_EQ(a.acl, "");
    EXPECT_FALSE(a.tags);
    EXPECT_EQ(a.persistent.size(), 1U);
    EXPECT_EQ(a.persistent.at("own-header"), "kept");
}

TEST(ParseObject, s3_headers_become_the_complete_metadata) {
    const auto info = s3()->parse_object(object_headers({
        {"ETag", "\"abc-2\""},
        {"x-amz-meta-year", "2021"},
        {"x-amz-server-side-encryption", "aws:kms"},
        {"x-amz-server-side-encryption-aws-kms-key-id", "arn:key"},
        {"x-amz-server-side-encryption-bucket-key-enabled", "true"},
        {"x-amz-website-redirect-location", "/x"},
        {"x-amz-object-lock-mode", "GOVERNANCE"},
        {"x-amz-object-lock-retain-until-date", "2031-01-01T00:00:00Z"},
        {"x-amz-object-lock-legal-hold", "ON"},
        {"x-amz-missing-meta", "2"},
        {"x-amz-replication-status", "COMPLETED"},
        {"Own-Header", "no metadata on S3"},
    }));
    ASSERT_TRUE(info) << info.error().describe();
    EXPECT_EQ(info->type, ObjectType::multipart);
    EXPECT_EQ(info->missing_metadata, 2U);
    EXPECT_EQ(info->replication_status, "COMPLETED");
    EXPECT_FALSE(info->tag_count);
    const ObjectAttributes& a = info->attributes;
    EXPECT_EQ(a.storage_class, "");
    EXPECT_EQ(a.sse, (ServerSideEncryption{
                         .algorithm = "aws:kms", .key_id = "arn:key", .bucket_key = true}));
    EXPECT_EQ(a.website_redirect, "/x");
    EXPECT_EQ(a.lock, (ObjectLock{.mode = "GOVERNANCE",
                                  .retain_until = "2031-01-01T00:00:00Z",
                                  .legal_hold = "ON"}));
    EXPECT_TRUE(a.persistent.empty());
}

TEST(ParseObject, what_the_service_adds_for_browsers_is_no_attribute) {
    const auto disposition = [](const Dialect& dialect, const char* value, const char* header,
                                const char* says) {
        const auto info =
            dialect.parse_object(object_headers({{"Content-Disposition", value}, {header, says}}));
        EXPECT_TRUE(info);
        return info->attributes[HttpField::content_disposition];
    };
    EXPECT_EQ(disposition(*oss(), "attachment", "x-oss-force-download", "true"), std::nullopt);
    EXPECT_EQ(disposition(*oss(), " Attachment ", "X-Oss-Force-Download", "True"), std::nullopt);
    EXPECT_EQ(disposition(*s3(), "attachment", "x-cos-force-download", "true"), std::nullopt);
    EXPECT_EQ(disposition(*s3(), "attachment", "x-amz-force-download", "true"), std::nullopt);
    // What says more, or comes without that word, is stored.
    EXPECT_EQ(disposition(*oss(), "attachment; filename=a", "x-oss-force-download", "true"),
              "attachment; filename=a");
    EXPECT_EQ(disposition(*oss(), "inline", "x-oss-force-download", "true"), "inline");
    EXPECT_EQ(disposition(*oss(), "attachment", "x-oss-force-download", "false"), "attachment");
    EXPECT_EQ(disposition(*oss(), "attachment", "x-oss-request-id", "true"), "attachment");
}

TEST(ParseObject, what_protects_an_object_of_oss_goes_along_again) {
    const auto info = oss()->parse_object(
        object_headers({{"Date", "Fri, 24 Feb 2012 06:08:00 GMT"},
                        {"x-oss-object-worm-mode", "COMPLIANCE"},
                        {"x-oss-object-worm-retain-until-date", "2030-01-01T00:00:00.000Z"},
                        {"x-oss-object-worm-legal-hold", "ON"}}));
    ASSERT_TRUE(info);
    EXPECT_EQ(info->attributes.lock.mode, "COMPLIANCE");
    PutRequest put{.key = ObjectKey("k"), .attributes = info->attributes};
    const auto parts = oss()->put(put);
    ASSERT_TRUE(parts);
    EXPECT_EQ(parts->headers.value_or_empty("x-oss-object-worm-mode"), "COMPLIANCE");
    EXPECT_EQ(parts->headers.value_or_empty("x-oss-object-worm-retain-until-date"),
              "2030-01-01T00:00:00.000Z");
    EXPECT_EQ(parts->headers.value_or_empty("x-oss-object-worm-legal-hold"), "ON");
}

TEST(ParseObject, a_retention_that_has_run_out_is_no_attribute) {
    const auto lock = [](const char* until, const char* date) {
        const auto info =
            s3()->parse_object(object_headers({{"Date", date},
                                               {"x-amz-object-lock-mode", "COMPLIANCE"},
                                               {"x-amz-object-lock-retain-until-date", until},
                                               {"x-amz-object-lock-legal-hold", "ON"}}));
        EXPECT_TRUE(info);
        EXPECT_EQ(info->attributes.lock.legal_hold, "ON") << "has no end";
        EXPECT_EQ(info->attributes.lock.mode.empty(), info->attributes.lock.retain_until.empty());
        return info->attributes.lock.retain_until;
    };
    const char* now = "Fri, 24 Feb 2012 06:08:00 GMT";
    for (const char* past : {"2012-02-24T06:08:00Z", "2012-02-24T06:07:59.999Z",
                             "2011-01-01T00:00:00.000000000Z", "2012-02-24T07:07:00+01:00"}) {
        EXPECT_EQ(lock(past, now), "") << past;
    }
    for (const char* lasts : {"2012-02-24T06:08:01Z", "2012-02-24T06:08:00.001Z", "no time"}) {
        EXPECT_EQ(lock(lasts, now), lasts);
    }
    EXPECT_EQ(lock("2011-01-01T00:00:00Z", ""), "2011-01-01T00:00:00Z") << "nobody says the time";
}

TEST(ParseObject, headers_of_replies_proxies_and_cdns_are_no_persistent_metadata) {
    const auto info = oss()->parse_object(object_headers({{"Server", "AliyunOSS"},
                                                          {"Connection", "keep-alive"},
                                                          {"Accept-Ranges", "bytes"},
                                                          {"Content-MD5", "x"},
                                                          {"Vary", "Origin"},
                                                          {"Via", "cache"},
                                                          {"X-Cache", "HIT"},
                                                          {"EagleId", "1"},
                                                          {"Timing-Allow-Origin", "*"},
                                                          {"Access-Control-Allow-Origin", "*"},
                                                          {"x-oss-server-time", "1"},
                                                          {"x-oss-ec", "1"},
                                                          {"Ali-Swift-Global-Savetime", "1"},
                                                          {"x-swift-cachetime", "1"},
                                                          {"Transfer-Encoding", "chunked"},
                                                          {"Date", "x"},
                                                          {"Strict-Transport-Security", "x"},
                                                          {"Set-Cookie", "x"},
                                                          {"Keep-Alive", "timeout=5"}}));
    ASSERT_TRUE(info);
    EXPECT_TRUE(info->attributes.persistent.empty()) << info->attributes.persistent.begin()->first;
}

TEST(ParseObject, numbers_that_do_not_fit_are_a_bad_reply) {
    const char* bad_sizes[] = {
        "-1", "9223372036854775808", "18446744073709551616", "12a", "1 2", "0x10", "+5", "1e3"};
    for (const char* size : bad_sizes) {
        EXPECT_EQ(kind(oss()->parse_object(object_headers({{"Content-Length", size}}))),
                  ErrorKind::bad_reply)
            << size;
    }
    EXPECT_TRUE(oss()->parse_object(object_headers({{"Content-Length", "9223372036854775807"}})));
    EXPECT_EQ(kind(oss()->parse_object(
                  object_headers({{"x-oss-hash-crc64ecma", "18446744073709551616"}}))),
              ErrorKind::bad_reply);
    EXPECT_EQ(kind(oss()->parse_object(object_headers({{"x-oss-tagging-count", "-1"}}))),
              ErrorKind::bad_reply);
    EXPECT_EQ(kind(s3()->parse_object(object_headers({{"x-amz-missing-meta", "4294967296"}}))),
              ErrorKind::bad_reply);
}

TEST(ParseObject, what_is_not_from_an_object_service_is_a_bad_reply) {
    for (const char* name : {"ETag", "Content-Length", "Last-Modified"}) {
        Headers headers = object_headers();
        headers.remove(name);
        EXPECT_EQ(kind(oss()->parse_object(headers)), ErrorKind::bad_reply) << name;
    }
    EXPECT_EQ(kind(oss()->parse_object(object_headers({{"Last-Modified", "yesterday"}}))),
              ErrorKind::bad_reply);
}

TEST(ParseObject, repeated_metadata_is_one_entry) {
    Headers headers = object_headers();
    headers.add("x-amz-meta-a", "1");
    headers.add("X-Amz-Meta-A", "2");
    EXPECT_EQ(s3()->parse_object(headers)->attributes.user.at("a"), "1,2");
}

TEST(ParseObject, both_spellings_of_the_version_are_understood) {
    EXPECT_EQ(oss()->parse_object(object_headers({{"x-oss-versionId", "v"}}))->version_id.str(),
              "v");
}

// ListObjectsV2.

const char* kPage =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ns:ListBucketResult xmlns:ns=\"http://doc.oss-cn-hangzhou.aliyuncs.com\">"
    "<Name>b</Name><Prefix>a%2F</Prefix><EncodingType>url</EncodingType>"
    "<IsTruncated>true</IsTruncated><NextContinuationToken>CgJ%2Bhg--</NextContinuationToken>"
    "<Contents><Key>a%2Fb%20c+d%2B%00%0A</Key><LastModified>2020-06-22T11:42:32.999Z</LastModified>"
    "<ETag>\"5B3C\"</ETag><Type>Normal</Type><Size>344606</Size>"
    "<StorageClass>Standard</StorageClass></Contents>"
    "<Contents><Key>%FF</Key><LastModified>2020-06-22T11:42:32Z</LastModified><ETag>&quot;E&quot;"
    "</ETag><Type>Symlink</Type><Size>0</Size></Contents>"
    "<CommonPrefixes><Prefix>a%2Fc%2F</Prefix></CommonPrefixes>"
    "<CommonPrefixes><Prefix>a%2Fd%2F</Prefix></CommonPrefixes></ns:ListBucketResult>";

TEST(ParseList, a_page_is_read_with_names_as_bytes) {
    const auto page = oss()->parse_list(xml(kPage), "");
    ASSERT_TRUE(page) << page.error().describe();
    ASSERT_EQ(page->objects.size(), 2U);
    EXPECT_EQ(page->objects[0].key.str(), std::string("a/b c d+\0\n", 10));
    EXPECT_EQ(page->objects[0].size, 344606U);
    EXPECT_EQ(page->objects[0].etag.str(), "5B3C");
    EXPECT_EQ(page->objects[0].last_modified, WallTime::from_seconds(1592826152));
    EXPECT_EQ(page->objects[0].type, ObjectType::normal);
    EXPECT_EQ(page->objects[1].key.str(), "\xFF");
    EXPECT_EQ(page->objects[1].etag.str(), "E");
    EXPECT_EQ(page->objects[1].type, ObjectType::symlink);
    EXPECT_EQ(page->common_prefixes, (std::vector<std::string>{"a/c/", "a/d/"}));
    EXPECT_EQ(page->next_token, "CgJ+hg--") << "OSS encodes the token";
    const auto spaced = s3()->parse_list(
        xml("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken> a b "
            "</NextContinuationToken></ListBucketResult>"),
        "");
    ASSERT_TRUE(spaced);
    EXPECT_EQ(spaced->next_token, " a b ") << "Ceph's is a key";
    EXPECT_EQ(s3()->parse_list(xml(kPage), "")->next_token, "CgJ%2Bhg--") << "S3 does not";
}

TEST(ParseList, names_are_taken_literally_where_the_server_did_not_encode) {
    const auto page = s3()->parse_list(
        xml("<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key> a%20b&amp;+ </Key>"
            "<LastModified>2020-06-22T11:42:32.000Z</LastModified><Size>1</Size></Contents>"
            "</ListBucketResult>"),
        "");
    ASSERT_TRUE(page) << page.error().describe();
    EXPECT_EQ(page->objects[0].key.str(), " a%20b&+ ");
}

TEST(ParseList, pages_that_lead_nowhere_or_are_no_pages_are_bad_replies) {
    const std::string open = "<ListBucketResult><EncodingType>url</EncodingType>";
    const std::string close = "</ListBucketResult>";
    const std::string entry_rest = "<LastModified>2020-06-22T11:42:32.000Z</LastModified>";
    const std::string done = "<IsTruncated>false</IsTruncated>";
    const std::string bodies[] = {
        "",
        "<html><body>Log in</body></html>",
        "<Error><Code>x</Code></Error>",
        open,
        open + done,
        open + close,  // does not say whether it goes on
        open + "<IsTruncated>maybe</IsTruncated>" + close,
        open + "<IsTruncated>true</IsTruncated>" + close,
        open + "<IsTruncated>true</IsTruncated><NextContinuationToken/>" + close,
        open +
            "<IsTruncated>true</IsTruncated><NextContinuationToken>given</NextContinuationToken>" +
            close,
        open + done + "<Contents><Key></Key><Size>1</Size>" + entry_rest + "</Contents>" + close,
        open + done + "<Contents><Key>%zz</Key><Size>1</Size>" + entry_rest + "</Contents>" + close,
        open + done + "<Contents><Key>k</Key><Size>-1</Size>" + entry_rest + "</Contents>" + close,
        open + done + "<Contents><Key>k</Key>" + entry_rest + "</Contents>" + close,
        open + done + "<Contents><Key>k</Key><Size>9223372036854775808</Size>" + entry_rest +
            "</Contents>" + close,
        open + done + "<Contents><Key>k</Key><Size>1</Size></Contents>" + close,
        open + done +
            "<Contents><Key>k</Key><Size>1</Size><LastModified>x</LastModified></Contents>" + close,
        "<!DOCTYPE a [<!ENTITY x \"y\">]>" + open + done + close,
        open + done + close + close,
        open + done + close + open + done + close,
    };
    for (const std::string& body : bodies) {
        EXPECT_EQ(kind(s3()->parse_list(xml(body), "given")), ErrorKind::bad_reply) << body;
        EXPECT_EQ(kind(oss()->parse_list(xml(body), "given")), ErrorKind::bad_reply) << body;
    }
}

TEST(ParseList, a_page_may_be_empty_and_go_on) {
    const auto page =
        s3()->parse_list(xml("<ListBucketResult><IsTruncated>true</IsTruncated>"
                             "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"),
                         "");
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->objects.empty());
    EXPECT_EQ(page->next_token, "t");
}

// XML itself.

TEST(Xml, bombs_are_refused_before_they_are_built) {
    std::string deep;
    for (int i = 0; i < 17; ++i) deep += "<a>";
    for (int i = 0; i < 17; ++i) deep += "</a>";
    EXPECT_EQ(kind(XmlDocument::parse(deep)), ErrorKind::bad_reply);
    EXPECT_TRUE(XmlDocument::parse(deep.substr(3, deep.size() - 7)));
    std::string wide = "<a>";
    for (unsigned i = 0; i < kXmlElementsMax; ++i) wide += "<b/>";
    EXPECT_EQ(kind(XmlDocument::parse(wide + "</a>")), ErrorKind::bad_reply);
    EXPECT_EQ(kind(XmlDocument::parse("<a>" + std::string(kXmlBytesMax, ' ') + "</a>")),
              ErrorKind::bad_reply);
    EXPECT_EQ(kind(XmlDocument::parse("<!doctype a><a/>")), ErrorKind::bad_reply);
    EXPECT_EQ(kind(XmlDocument::parse("<a><!ENTITY b \"c\"></a>")), ErrorKind::bad_reply);
}

TEST(Xml, malformed_text_is_refused) {
    for (const char* text : {"", "   ", "text", "<a>", "<a></b>", "</a>", "<a", "<a/><b/>", "<!--",
                             "<![CDATA[", "<?", "<a><![CDATA[x</a>", "<", "<>"}) {
        EXPECT_EQ(kind(XmlDocument::parse(text)), ErrorKind::bad_reply) << text;
    }
}

TEST(Xml, text_keeps_its_blanks_and_cdata_or_loses_them_when_asked) {
    const auto document =
        XmlDocument::parse("<r><a> x<![CDATA[<y>]]> </a><b> </b><c/><!-- <d> --></r>");
    ASSERT_TRUE(document) << document.error().describe();
    EXPECT_EQ(document->root().child("a").raw_text(), " x<y> ");
    EXPECT_EQ(document->root().child("a").text(), "x<y>");
    EXPECT_EQ(document->root().child("b").raw_text(), " ");
    EXPECT_EQ(document->root().child("c").raw_text(), "");
    EXPECT_FALSE(document->root().child("d"));
    EXPECT_EQ(document->root().child("d").child("e").text(), "") << "missing all the way down";
}

TEST(Xml, escaping_survives_its_own_parser) {
    std::string all;
    for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
    const auto document = XmlDocument::parse("<a>" + *xml_escape(all) + "</a>");
    ASSERT_TRUE(document) << document.error().describe();
    EXPECT_EQ(document->root().raw_text(), all);
    EXPECT_FALSE(xml_escape(std::string("a\0b", 3)));
}

// The smaller replies.

TEST(ParseCopy, reads_etag_time_and_versions) {
    HttpResponse response =
        xml("<CopyObjectResult><ETag>\"E\"</ETag><LastModified>2018-12-28T09:41:56.999Z"
            "</LastModified></CopyObjectResult>");
    response.headers = {{"x-oss-version-id", "new"}, {"x-oss-copy-source-version-id", "old"}};
    const auto reply = oss()->parse_copy(response);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->etag.str(), "E");
    EXPECT_EQ(reply->last_modified, WallTime::from_seconds(1545990116));
    EXPECT_EQ(reply->version_id.str(), "new");
    EXPECT_EQ(reply->source_version_id.str(), "old");
    EXPECT_EQ(kind(oss()->parse_copy(xml("<CopyObjectResult/>"))), ErrorKind::bad_reply);
    EXPECT_EQ(kind(oss()->parse_copy(xml(""))), ErrorKind::bad_reply);
}

TEST(ParseRemoveMany, tells_each_key_that_was_not_deleted) {
    const std::vector<ObjectKey> keys = {ObjectKey("a b"), ObjectKey("c"), ObjectKey("d"),
                                         ObjectKey("e")};
    const auto failures = oss()->parse_remove_many(
        xml("<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a%20b</Key></Deleted>"
            "<Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
            "<Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>"),
        keys);
    ASSERT_TRUE(failures) << failures.error().describe();
    ASSERT_EQ(failures->size(), 2U);
    EXPECT_EQ((*failures)[0].key.str(), "c");
    EXPECT_EQ((*failures)[0].error.kind, ErrorKind::access_denied);
    EXPECT_EQ((*failures)[1].key.str(), "e");
    EXPECT_TRUE((*failures)[1].error.outcome_unknown);
}

TEST(ParseUploads, replies_of_multipart_are_read_and_checked) {
    EXPECT_EQ(
        s3()->parse_create_upload(xml("<InitiateMultipartUploadResult><UploadId>u/1</UploadId>"
                                      "</InitiateMultipartUploadResult>"))
            ->str(),
        "u/1");
    EXPECT_EQ(kind(s3()->parse_create_upload(xml("<InitiateMultipartUploadResult/>"))),
              ErrorKind::bad_reply);
    EXPECT_EQ(kind(s3()->parse_upload_part(xml(""), 1, 5)), ErrorKind::bad_reply);
    EXPECT_EQ(s3()->parse_upload_part_copy(
                      xml("<CopyPartResult><ETag>&quot;p&quot;</ETag></CopyPartResult>"), 3, 5)
                  ->etag.str(),
              "p");
    EXPECT_EQ(kind(s3()->parse_upload_part_copy(xml("<CopyPartResult/>"), 3, 5)),
              ErrorKind::bad_reply);
    EXPECT_EQ(s3()->parse_complete(xml("<CompleteMultipartUploadResult><ETag>\"a-2\"</ETag>"
                                       "</CompleteMultipartUploadResult>"))
                  ->etag.str(),
              "a-2");
    EXPECT_TRUE(s3()->parse_complete(xml("<CompleteMultipartUploadResult/>"))->etag.empty());
    EXPECT_EQ(kind(s3()->parse_complete(xml("<Other/>"))), ErrorKind::bad_reply);
    const auto page = oss()->parse_uploads(xml(
        "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true"
        "</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker><NextUploadIdMarker>u"
        "</NextUploadIdMarker><Upload><Key>a%20b</Key><UploadId>u</UploadId>"
        "<Initiated>2020-06-22T11:42:32.000Z</Initiated></Upload></ListMultipartUploadsResult>"));
    ASSERT_TRUE(page) << page.error().describe();
    EXPECT_EQ(page->uploads.at(0).key.str(), "a b");
    EXPECT_EQ(page->next_key_marker, "a b");
    EXPECT_EQ(kind(oss()->parse_uploads(xml("<ListMultipartUploadsResult><IsTruncated>true"
                                            "</IsTruncated></ListMultipartUploadsResult>"))),
              ErrorKind::bad_reply);
}

std::string version_element(const std::string& key, const std::string& id) {
    return "<Version><Key>" + key + "</Key><VersionId>" + id +
           "</VersionId><IsLatest>false</IsLatest><LastModified>2020-06-22T11:42:32.500Z"
           "</LastModified><ETag>\"E\"</ETag><Size>7</Size><StorageClass>IA</StorageClass>"
           "</Version>";
}
std::string versions_document(const std::string& elements, const std::string& rest) {
    return "<ListVersionsResult xmlns=\"x\"><EncodingType>url</EncodingType>" + rest + elements +
           "</ListVersionsResult>";
}

TEST(ParseVersions, those_of_the_key_in_the_replys_order_and_where_it_goes_on) {
    const std::string marker =
        "<DeleteMarker><Key>a%20b</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest>"
        "<LastModified>2020-06-22T11:42:33.000Z</LastModified></DeleteMarker>";
    const std::string goes_on =
        "<IsTruncated>true</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker>"
        "<NextVersionIdMarker>v1</NextVersionIdMarker>";
    const auto page = oss()->parse_versions(
        xml(versions_document(marker + version_element("a%20b", "v1"), goes_on)), ObjectKey("a b"));
    ASSERT_TRUE(page) << page.error().describe();
    ASSERT_EQ(page->versions.size(), 2U);
    EXPECT_EQ(page->versions[0].id.str(), "v2");
    EXPECT_TRUE(page->versions[0].latest);
    EXPECT_TRUE(page->versions[0].delete_marker);
    EXPECT_FALSE(page->versions[1].latest);
    EXPECT_FALSE(page->versions[1].delete_marker);
    EXPECT_EQ(page->versions[1].size, 7U);
    EXPECT_EQ(page->versions[1].etag.str(), "E");
    EXPECT_EQ(page->versions[1].storage_class, "IA");
    EXPECT_EQ(page->versions[1].last_modified, *parse_iso8601("2020-06-22T11:42:32.000Z"));
    EXPECT_EQ(page->next_key_marker, "a b");
    EXPECT_EQ(page->next_version_marker, "v1");
}

TEST(ParseVersions, what_comes_behind_the_key_ends_the_list) {
    const std::string goes_on =
        "<IsTruncated>true</IsTruncated><NextKeyMarker>a.txt</NextKeyMarker>"
        "<NextVersionIdMarker>w</NextVersionIdMarker>";
    const auto page = s3()->parse_versions(
        xml(versions_document(version_element("a", "v1") + version_element("a.txt", "w"), goes_on)),
        ObjectKey("a"));
    ASSERT_TRUE(page) << page.error().describe();
    EXPECT_EQ(page->versions.size(), 1U);
    EXPECT_EQ(page->next_key_marker, "");
}

TEST(ParseVersions, replies_that_make_no_sense_are_bad_replies) {
    const std::string ends = "<IsTruncated>false</IsTruncated>";
    std::string sizeless = version_element("a", "v");
    sizeless.replace(sizeless.find("<Size>7"), 7, "<Size>-7");
    std::string timeless = version_element("a", "v");
    timeless.replace(timeless.find("2020-06-22T"), 11, "yesterday,");
    for (const std::string& document :
         {std::string("<Other/>"), versions_document("", ""),
          versions_document(version_element("a", ""), ends), versions_document(sizeless, ends),
          versions_document(timeless, ends),
          versions_document(version_element("a", "v"), "<IsTruncated>true</IsTruncated>")})
        EXPECT_EQ(kind(s3()->parse_versions(xml(document), ObjectKey("a"))), ErrorKind::bad_reply)
            << document;
}

TEST(ParseTags, values_keep_every_character) {
    const auto tags =
        s3()->parse_tags(xml("<Tagging><TagSet><Tag><Key>a</Key><Value> </Value></Tag>"
                             "<Tag><Key>b&amp;</Key><Value>1 &lt; 2</Value></Tag>"
                             "<Tag><Key>e</Key><Value/></Tag></TagSet></Tagging>"));
    ASSERT_TRUE(tags) << tags.error().describe();
    EXPECT_EQ(*tags, (Tags{{"a", " "}, {"b&", "1 < 2"}, {"e", ""}}));
    EXPECT_TRUE(s3()->parse_tags(xml("<Tagging><TagSet/></Tagging>"))->empty());
    EXPECT_EQ(kind(s3()->parse_tags(xml("<TagSet/>"))), ErrorKind::bad_reply);
    EXPECT_EQ(kind(s3()->parse_tags(xml("<Tagging><TagSet><Tag/></TagSet></Tagging>"))),
              ErrorKind::bad_reply);
}

TEST(ParseVersioning, both_dialects_and_the_unversioned_bucket) {
    EXPECT_EQ(*oss()->parse_versioning(xml("<BucketInfo><Bucket><Versioning>Enabled</Versioning>"
                                           "</Bucket></BucketInfo>")),
              "Enabled");
    EXPECT_EQ(*oss()->parse_versioning(xml("<BucketInfo><Bucket/></BucketInfo>")), "");
    EXPECT_EQ(kind(oss()->parse_versioning(xml("<BucketInfo/>"))), ErrorKind::bad_reply);
    EXPECT_EQ(*s3()->parse_versioning(xml(
                  "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")),
              "Suspended");
    EXPECT_EQ(*s3()->parse_versioning(xml("<VersioningConfiguration/>")), "");
}

TEST(ParseSymlink, the_target_is_decoded) {
    HttpResponse response;
    response.headers = {{"x-oss-symlink-target", "t%20%C3%A9"}};
    EXPECT_EQ(oss()->parse_symlink(response)->str(), "t \xC3\xA9");
    response.headers = {{"x-oss-symlink-target", "%zz"}};
    EXPECT_EQ(kind(oss()->parse_symlink(response)), ErrorKind::bad_reply);
    EXPECT_EQ(kind(oss()->parse_symlink({})), ErrorKind::bad_reply);
    EXPECT_EQ(kind(s3()->parse_symlink(response)), ErrorKind::unsupported);
}

TEST(ETags, lose_and_get_their_quotes) {
    EXPECT_EQ(unquote_etag("\"a\"").str(), "a");
    EXPECT_EQ(unquote_etag(" W/\"a\" ").str(), "a");
    EXPECT_EQ(unquote_etag("a").str(), "a");
    EXPECT_EQ(unquote_etag("\"").str(), "\"");
    EXPECT_EQ(quote_etag(ETag("a")), "\"a\"");
}

TEST(ObjectTypes, archived_classes_of_both_services_and_no_others) {
    for (const char* name :
         {"Archive", "ColdArchive", "DeepColdArchive", "GLACIER", "DEEP_ARCHIVE"}) {
        EXPECT_TRUE(is_archived_class(name)) << name;
    }
    for (const char* name : {"", "Standard", "IA", "STANDARD_IA", "GLACIER_IR"}) {
        EXPECT_FALSE(is_archived_class(name)) << name;
    }
}

}  // namespace
}  // namespace xbucket
