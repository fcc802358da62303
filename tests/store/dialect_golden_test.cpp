// SPDX-FileCopyrightText: the xbucket authors
// Exactly what goes on the wire for every operation, in both dialects: method, target, sorted
// headers and body before the signature (which request_signer_test.cpp pins). The expected texts
// are in golden/requests.txt, reviewed by eye against protocol.md.
#include "dialect.h"
#include "endpoint.h"
#include "request_signer.h"
#include "support/scripted_transport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

namespace xbucket {
namespace {

using testing::StringSource;

const ObjectKey kKey("dir/a b+\xC3\xA9.txt");
const ETag kETag("E1");
const UploadId kUpload("up/1+");
const ObjectLock kLock{
    .mode = "COMPLIANCE", .retain_until = "2031-01-01T00:00:00.000Z", .legal_hold = "ON"};

// One line a header, sorted; bodies after a blank line.
std::string render(const Result<RequestParts>& parts) {
    if (!parts) return "error: " + std::string(to_string(parts.error().kind));
    Address address;
    address.scheme = "http";
    address.host = "h";
    address.bucket = "bucket";
    address.style = AddressingStyle::cname;
    const Credentials anonymous;
    const HttpRequest request =
        signed_request(*parts, {.address = address, .credentials = anonymous, .now = WallTime{}});
    std::vector<std::string> lines;
    for (const HeaderView header : request.headers) {
        if (header.name != "Host")
            lines.push_back(std::string(header.name).append(": ").append(header.value));
    }
    std::sort(lines.begin(), lines.end());
    std::string out = std::string(to_string(request.method)) + " " + request.target + "\n";
    for (const std::string& line : lines) out += line + "\n";
    if (!request.body.empty()) out += "\n" + request.body;
    return out;
}

// Everything that an object can carry and an upload can set, in the dialect's own terms.
ObjectAttributes full_attributes(bool oss) {
    ObjectAttributes out;
    out[HttpField::content_type] = "text/plain; charset=utf-8";
    out[HttpField::cache_control] = "no-cache";
    out[HttpField::content_disposition] = "attachment; filename=\"a.txt\"";
    out[HttpField::content_encoding] = "gzip";
    out[HttpField::content_language] = "de";
    out[HttpField::expires] = "Wed, 01 Jan 2031 00:00:00 GMT";
    out.user = {{"people", "eliot"}, {"year", "2021"}};
    out.storage_class = oss ? "IA" : "STANDARD_IA";
    out.acl = "public-read";
    out.tags = Tags{{"a", "1"}, {"b c", "x/y"}};
    if (oss) {
        out.sse = {.algorithm = "KMS", .key_id = "key-1", .data_algorithm = "SM4"};
        out.persistent = {{"x-own", "value"}, {"x-two", "zwei"}};
    } else {
        out.sse = {.algorithm = "aws:kms", .key_id = "key-1", .bucket_key = true};
        out.website_redirect = "/other";
        out.lock = {
            .mode = "GOVERNANCE", .retain_until = "2031-01-01T00:00:00Z", .legal_hold = "ON"};
    }
    return out;
}

CopyRequest guarded_copy(bool oss) {
    CopyRequest copy;
    copy.source = kKey;
    copy.destination = kKey;
    copy.replace = full_attributes(oss);
    copy.guard.source_unmodified_since = WallTime::from_seconds(1'700'000'000);
    copy.guard.source_modified_since =
        oss ? std::optional(WallTime::from_seconds(1'699'999'999)) : std::nullopt;
    return copy;
}

std::unique_ptr<Dialect> oss(bool requester_pays = false) {
    return make_oss_dialect(
        {.bucket = "bucket", .requester_pays = requester_pays, .official = true});
}
std::unique_ptr<Dialect> s3(bool official = true) {
    return make_s3_dialect({.bucket = "bucket", .official = official});
}

using Build = std::function<Result<RequestParts>(const Dialect&, bool oss)>;

const std::map<std::string, Build>& operations() {
    static const std::map<std::string, Build> table = {
        {"head", [](const Dialect& d, bool) { return d.head(kKey); }},
        {"get_whole", [](const Dialect& d, bool) { return d.get(kKey, 0, 0, {}, {}); }},
        {"get_range_of_a_version",
         [](const Dialect& d, bool) { return d.get(kKey, 5, 10, kETag, VersionId("v1")); }},
        {"get_to_the_end", [](const Dialect& d, bool) { return d.get(kKey, 5, 0, {}, {}); }},
        {"list_first_page",
         [](const Dialect& d, bool) {
             return d.list(
                 {.prefix = "a b/", .delimiter = "/", .start_after = "a b/c", .keys_max = 2000});
         }},
        {"list_next_page",
         [](const Dialect& d, bool) {
             return d.list(
                 {.prefix = "", .token = "t+/=", .start_after = "ignored", .keys_max = 5});
         }},
        {"remove", [](const Dialect& d, bool) { return d.remove(kKey, kETag); }},
        {"remove_many",
         [](const Dialect& d, bool) {
             return d.remove_many({ObjectKey("a&b"), ObjectKey("<\x01>")});
         }},
        {"create_upload", [](const Dialect& d, bool) { return d.create_upload(kKey, {}); }},
        {"upload_part",
         [](const Dialect& d, bool) {
             return d.upload_part(kKey, kUpload, 7, std::make_shared<StringSource>("x"));
         }},
        {"upload_part_copy",
         [](const Dialect& d, bool) {
             return d.upload_part_copy(kKey, kUpload, 7, kKey, VersionId("v+1"), 100, 50, kETag);
         }},
        {"complete_upload",
         [](const Dialect& d, bool) {
             return d.complete_upload(kKey, kUpload, {{2, ETag("p2"), 5}, {1, ETag("p1"), 5}},
                                      kETag, false);
         }},
        {"complete_upload_that_must_create",
         [](const Dialect& d, bool) {
             return d.complete_upload(kKey, kUpload, {{1, ETag("p1"), 5}}, {}, true);
         }},
        {"abort_upload", [](const Dialect& d, bool) { return d.abort_upload(kKey, kUpload); }},
        {"list_uploads", [](const Dialect& d, bool) { return d.list_uploads("p/", "k m", "u"); }},
        {"get_tags", [](const Dialect& d, bool) { return d.get_tags(kKey); }},
        {"put_tags",
         [](const Dialect& d, bool) {
             return d.put_tags(kKey, {{"a", "<1>"}, {"b", ""}});
         }},
        {"put_no_tags", [](const Dialect& d, bool) { return d.put_tags(kKey, {}); }},
        {"get_acl", [](const Dialect& d, bool) { return d.get_acl(kKey); }},
        {"put_acl", [](const Dialect& d, bool) { return d.put_acl(kKey, "public-read"); }},
        {"restore", [](const Dialect& d, bool) { return d.restore(kKey, 3, "Expedited"); }},
        {"restore_in_the_usual_tier",
         [](const Dialect& d, bool) { return d.restore(kKey, 1, ""); }},
        {"restore_for_good",
         [](const Dialect& d, bool) { return d.restore(kKey, std::nullopt, "Bulk"); }},
        {"get_retention",
         [](const Dialect& d, bool) -> Result<RequestParts> {
             return d.get_retention(kKey, VersionId("v1"));
         }},
        {"put_retention",
         [](const Dialect& d, bool) { return d.put_retention(kKey, kLock, VersionId("v1")); }},
        {"get_legal_hold",
         [](const Dialect& d, bool) -> Result<RequestParts> { return d.get_legal_hold(kKey, {}); }},
        {"put_legal_hold",
         [](const Dialect& d, bool) { return d.put_legal_hold(kKey, kLock, {}); }},
        {"put_symlink",
         [](const Dialect& d, bool) { return d.put_symlink(kKey, ObjectKey("t \xC3\xA9"), {}); }},
        {"get_symlink", [](const Dialect& d, bool) { return d.get_symlink(kKey); }},
        {"list_versions",
         [](const Dialect& d, bool) { return d.list_versions(kKey, kKey.str(), "v+1", 2000); }},
        {"versioning", [](const Dialect& d, bool) { return Result<RequestParts>(d.versioning()); }},
        {"put_with_everything",
         [](const Dialect& d, bool oss) {
             return d.put({.key = kKey, .attributes = full_attributes(oss)});
         }},
        {"put_that_must_create",
         [](const Dialect& d, bool) { return d.put({.key = kKey, .must_not_exist = true}); }},
        {"put_over_a_known_object",
         [](const Dialect& d, bool) { return d.put({.key = kKey, .if_match = kETag}); }},
        {"copy_replace_guarded",
         [](const Dialect& d, bool oss) { return d.copy(guarded_copy(oss)); }},
    };
    return table;
}

// "@@ oss head" to the text below it.
std::map<std::string, std::string> golden_texts() {
    std::ifstream file(XB_GOLDEN_DIR "/requests.txt");
    std::stringstream all;
    all << file.rdbuf();
    std::map<std::string, std::string> out;
    std::string rest = all.str();
    while (rest.starts_with("@@ ")) {
        const size_t line = rest.find('\n');
        const size_t next = rest.find("\n@@ ", line);
        const std::string name = rest.substr(3, line - 3);
        std::string text = rest.substr(line + 1, next == std::string::npos ? next : next - line);
        while (text.ends_with('\n')) text.pop_back();
        out[name] = text;
        rest = next == std::string::npos ? "" : rest.substr(next + 1);
    }
    return out;
}

class DialectGolden : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Dialects, DialectGolden, ::testing::Values(true, false),
                         [](const auto& param) { return param.param ? "oss" : "s3"; });

TEST_P(DialectGolden, every_operation_sends_exactly_what_is_written_down) {
    const bool is_oss = GetParam();
    const auto dialect = is_oss ? oss() : s3();
    const auto golden = golden_texts();
    for (const auto& [name, build] : operations()) {
        const std::string title = std::string(is_oss ? "oss " : "s3 ") + name;
        ASSERT_TRUE(golden.contains(title)) << title;
        std::string text = render(build(*dialect, is_oss));
        while (text.ends_with('\n')) text.pop_back();
        EXPECT_EQ(text, golden.at(title)) << title;
    }
    EXPECT_EQ(golden.size(), 2 * operations().size());
}

TEST(DialectRequests, conditions_go_out_in_cephs_spelling_too_where_the_service_is_not_aws) {
    CopyRequest copy = guarded_copy(false);
    copy.replace.emplace();
    const std::string text = render(s3(/*official=*/false)->copy(copy));
    EXPECT_NE(text.find("x-amz-copy-if-unmodified-since: Tue, 14 Nov 2023 22:13:20 GMT\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("x-amz-copy-source-if-unmodified-since: Tue, 14 Nov 2023 22:13:20 GMT\n"),
              std::string::npos);
    const std::string part =
        render(s3(false)->upload_part_copy(kKey, kUpload, 1, kKey, {}, 0, 5, kETag));
    EXPECT_NE(part.find("x-amz-copy-if-match: \"E1\"\n"), std::string::npos) << part;
}

TEST(DialectRequests, s3_never_sends_etag_and_time_conditions_together) {
    CopyRequest copy = guarded_copy(false);
    copy.guard.source_if_match = kETag;
    EXPECT_EQ(render(s3()->copy(copy)), "error: invalid_argument");
}

TEST(DialectRequests, conditions_on_the_destination_go_only_where_they_are_honoured) {
    CopyRequest copy;
    copy.source = kKey;
    copy.destination = ObjectKey("other");
    copy.guard.destination_if_match = kETag;
    EXPECT_NE(render(s3()->copy(copy)).find("\nIf-Match: \"E1\"\n"), std::string::npos);
    EXPECT_EQ(render(s3(false)->copy(copy)).find("If-Match"), std::string::npos);
    EXPECT_EQ(render(oss()->copy(copy)).find("If-Match"), std::string::npos);
    EXPECT_EQ(render(s3(false)->remove(kKey, kETag)).find("If-Match"), std::string::npos);
}

TEST(DialectRequests, a_copy_without_replacement_asks_for_the_sources_metadata) {
    CopyRequest copy;
    copy.source = kKey;
    copy.destination = ObjectKey("other");
    EXPECT_EQ(render(s3()->copy(copy)),
              "PUT /other\nx-amz-copy-source: bucket/dir/a%20b%2B%C3%A9.txt\n"
              "x-amz-metadata-directive: COPY\n");
}

TEST(DialectRequests, an_object_is_never_copied_onto_itself_without_its_metadata) {
    CopyRequest copy;
    copy.source = kKey;
    copy.destination = kKey;
    EXPECT_EQ(render(oss()->copy(copy)), "error: invalid_argument");
}

TEST(DialectRequests, default_acl_and_unset_tags_send_nothing_and_an_empty_set_clears) {
    CopyRequest copy = guarded_copy(true);
    copy.guard = {};
    copy.replace.emplace();
    copy.replace->acl = "default";
    EXPECT_EQ(render(oss()->copy(copy)).find("acl"), std::string::npos);
    EXPECT_EQ(render(oss()->copy(copy)).find("tagging"), std::string::npos);
    copy.replace->tags.emplace();
    const std::string text = render(oss()->copy(copy));
    EXPECT_NE(text.find("x-oss-tagging-directive: Replace\n"), std::string::npos);
    EXPECT_EQ(text.find("x-oss-tagging:"), std::string::npos);
}

TEST(DialectRequests, unsafe_bytes_never_become_a_header) {
    const std::vector<std::string> bad = {"a\r\nx-oss-object-acl: public-read", "a\nb",
                                          std::string("nul\0byte", 8), "\x7f"};
    for (const std::string& value : bad) {
        PutRequest put{.key = kKey};
        put.attributes.user["k"] = value;
        EXPECT_EQ(render(oss()->put(put)), "error: invalid_argument");
        put.attributes = {};
        put.attributes[HttpField::cache_control] = value;
        EXPECT_EQ(render(s3()->put(put)), "error: invalid_argument");
        put.attributes = {};
        put.attributes.storage_class = value;
        EXPECT_EQ(render(s3()->put(put)), "error: invalid_argument");
    }
    for (const char* name : {"", "a b", "a:b", "\xC3\xA9", "a\r"}) {
        PutRequest put{.key = kKey};
        put.attributes.persistent[name] = "v";
        EXPECT_EQ(render(oss()->put(put)), "error: invalid_argument") << name;
    }
    EXPECT_EQ(render(s3()->put_acl(kKey, "private\r\nx: y")), "error: invalid_argument");
}

TEST(DialectRequests, names_with_nul_are_refused_where_xml_would_carry_them) {
    EXPECT_EQ(render(s3()->remove_many({ObjectKey(std::string("a\0b", 3))})),
              "error: invalid_name");
}

TEST(DialectRequests, requester_pays_is_said_on_every_request) {
    EXPECT_EQ(render(oss(true)->head(kKey)),
              "HEAD /dir/a%20b%2B%C3%A9.txt\nx-oss-request-payer: requester\n");
    EXPECT_EQ(oss(true)->presign_query(), (QueryParameters{{"x-oss-request-payer", "requester"}}));
}

// SSE-C: what needs the object's bytes or makes them carries the key, what does not, does not.
TEST(DialectRequests, a_customers_key_goes_along_with_the_object_and_with_what_it_is_copied_from) {
    const std::string of_object =
        "server-side-encryption-customer-algorithm: AES256\n"
        "x-oss-server-side-encryption-customer-key-MD5: "
        "mT2HRsMGJ5IX5C+0rreZ8Q==\n"
        "x-oss-server-side-encryption-customer-key: "
        "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n";
    const auto dialect =
        make_oss_dialect({.bucket = "bucket", .customer_key = Secret(std::string(32, 'k'))});
    const auto keys_in = [](const Result<RequestParts>& parts) {
        const std::string text = render(parts);
        const auto has = [&](const char* name) { return text.find(name) != std::string::npos; };
        EXPECT_FALSE(has("x-oss-server-side-encryption: ")) << text;
        return std::pair(has("x-oss-server-side-encryption-customer-key: a2tra2tr"),
                         has("x-oss-copy-source-server-side-encryption-customer-key: a2tra2tr"));
    };
    EXPECT_EQ(render(dialect->head(kKey)), "HEAD /dir/a%20b%2B%C3%A9.txt\nx-oss-" + of_object);
    const auto object_only = std::pair(true, false);
    const auto both = std::pair(true, true);
    const auto none = std::pair(false, false);
    EXPECT_EQ(keys_in(dialect->get(kKey, 5, 10, kETag, {})), object_only);
    EXPECT_EQ(keys_in(dialect->put({.key = kKey, .attributes = full_attributes(true)})),
              object_only);
    EXPECT_EQ(keys_in(dialect->create_upload(kKey, {})), object_only);
    EXPECT_EQ(keys_in(dialect->upload_part(kKey, kUpload, 1, nullptr)), object_only);
    EXPECT_EQ(keys_in(dialect->append(kKey, 0, nullptr)), object_only);
    EXPECT_EQ(keys_in(dialect->copy(guarded_copy(true))), both);
    EXPECT_EQ(keys_in(dialect->copy({.source = kKey, .destination = ObjectKey("other")})), both);
    EXPECT_EQ(keys_in(dialect->upload_part_copy(kKey, kUpload, 1, kKey, {}, 0, 5, kETag)), both);
    EXPECT_EQ(keys_in(dialect->complete_upload(kKey, kUpload, {{1, kETag, 5}}, {}, false)), none);
    const auto on_s3 =
        make_s3_dialect({.bucket = "bucket", .customer_key = Secret(std::string(32, 'k'))});
    EXPECT_NE(render(on_s3->complete_upload(kKey, kUpload, {{1, kETag, 5}}, {}, false))
                  .find("x-amz-server-side-encryption-customer-key: a2tra2tr"),
              std::string::npos);
    EXPECT_EQ(keys_in(dialect->get_tags(kKey)), none);
    EXPECT_EQ(keys_in(dialect->remove(kKey, {})), none);
    EXPECT_EQ(keys_in(dialect->list({})), none);
    EXPECT_EQ(keys_in(oss()->get(kKey, 0, 0, {}, {})), none);
}

TEST(DialectTraits, tell_the_limits_of_each_service) {
    const StoreTraits a = oss()->traits();
    EXPECT_EQ(a.metadata_bytes_max, 8191U);
    EXPECT_EQ(a.metadata_bytes_per_name, 11U);
    EXPECT_EQ(a.default_acl, "default");
    EXPECT_TRUE(a.copy_conditions_known);
    const StoreTraits b = s3(false)->traits();
    EXPECT_EQ(b.metadata_bytes_max, 2048U);
    EXPECT_EQ(b.metadata_bytes_per_name, 0U);
    EXPECT_EQ(b.copy_bytes_max, 5ULL << 30);
    EXPECT_FALSE(b.copy_conditions_known);
    EXPECT_TRUE(s3(true)->traits().copy_conditions_known);
    EXPECT_EQ(make_s3_dialect({.bucket = "b", .key_prefix_bytes = 24})->traits().key_bytes_max,
              1000U);
}

}  // namespace
}  // namespace xbucket
