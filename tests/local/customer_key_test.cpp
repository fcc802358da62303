// SPDX-FileCopyrightText: the xbucket authors
// SSE-C and requester-pays: who does not send what is asked for is refused, as by the services.
#include "fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

namespace xbucket::testing {
namespace {

class CustomerKeyTest : public BothDialects {
  protected:
    Headers key(char letter, const std::string& prefix = "") const {
        const std::string bytes(32, letter);
        const std::string name = ext(prefix + "server-side-encryption-customer-");
        return {{name + "algorithm", "AES256"},
                {name + "key", base64_encode(bytes)},
                {name + "key-MD5", base64_encode(md5(bytes))}};
    }
    static Headers joined(Headers a, const Headers& b) {
        for (const HeaderView header : b) a.add(header.name, header.value);
        return a;
    }
};
INSTANTIATE_TEST_SUITE_P(Dialects, CustomerKeyTest,
                         ::testing::Values(Scheme::oss_v4, Scheme::sigv4), scheme_name);

TEST_P(CustomerKeyTest, an_object_is_shown_only_to_who_has_its_key) {
    const Answer put = any().put("k", "secret", key('a'));
    ASSERT_EQ(put.status, 200) << put.body;
    const std::string told = ext("server-side-encryption-customer-key-MD5");
    EXPECT_EQ(put.header(told), base64_encode(md5(std::string(32, 'a'))));
    EXPECT_NE(put.header("ETag").find_first_of("0123456789abcdefABCDEF"), std::string::npos);
    EXPECT_EQ(any().get("k", key('a')).body, "secret");
    const Answer head = any().head("k", key('a'));
    EXPECT_EQ(head.header(told), base64_encode(md5(std::string(32, 'a'))));
    EXPECT_EQ(any().get("k").status, 400);
    EXPECT_EQ(any().head("k").status, 400);
    EXPECT_EQ(any().get("k", key('b')).status, 403);
    any().put("plain", "x");
    EXPECT_EQ(any().get("plain", key('a')).status, 400);
}

TEST_P(CustomerKeyTest, a_malformed_key_is_refused) {
    Headers wrong = key('a');
    wrong.set(ext("server-side-encryption-customer-key-MD5"), base64_encode(md5("other")));
    EXPECT_EQ(any().put("k", "x", wrong).code(), "InvalidArgument");
    Headers lacking = key('a');
    lacking.remove(ext("server-side-encryption-customer-key"));
    EXPECT_EQ(any().put("k", "x", lacking).code(), "InvalidArgument");
    EXPECT_EQ(
        any().put("k", "x", joined(key('a'), {{ext("server-side-encryption"), "AES256"}})).code(),
        "InvalidArgument");
}

TEST_P(CustomerKeyTest, a_copy_needs_the_key_of_its_source_and_one_for_what_it_makes) {
    any().put("k", "secret", key('a'));
    const Header replace{ext("metadata-directive"), "REPLACE"};
    const Headers source = key('a', "copy-source-");
    EXPECT_EQ(any().copy("k", "k", {replace}).status, 400);
    EXPECT_EQ(any().copy("k", "k", joined(key('b', "copy-source-"), {replace})).status, 403);
    const std::string before = any().head("k", key('a')).header("ETag");
    const Answer same = any().copy("k", "k", joined(joined(source, key('a')), {replace}));
    ASSERT_EQ(same.status, 200) << same.body;
    EXPECT_NE(any().head("k", key('a')).header("ETag"), before) << "no hash of the content";
    ASSERT_EQ(any().copy("k", "other", joined(source, key('b'))).status, 200);
    EXPECT_EQ(any().get("other", key('b')).body, "secret");
    ASSERT_EQ(any().copy("k", "open", source).status, 200);
    EXPECT_EQ(any().get("open").body, "secret") << "without a key of its own it has none";
}

TEST_P(CustomerKeyTest, each_part_of_an_upload_needs_the_key) {
    const Answer begun = any().post("k", "", {{"uploads", ""}}, key('a'));
    const std::string id = begun.xml("UploadId");
    ASSERT_NE(id, "") << begun.body;
    const QueryParameters part = {{"partNumber", "1"}, {"uploadId", id}};
    EXPECT_EQ(any().put("k", "part", {}, part).status, 400);
    EXPECT_EQ(any().put("k", "part", key('b'), part).status, 403);
    EXPECT_EQ(any().put("k", "part", key('a'), part).status, 200);
}

TEST_P(CustomerKeyTest, where_requesters_pay_a_request_must_say_so) {
    any().put("k", "x");
    local::ServerConfig c = config();
    c.requester_pays = true;
    start(c);
    EXPECT_EQ(any().get("k").code(), "AccessDenied");
    EXPECT_EQ(any().put("k", "y").status, 403);
    EXPECT_EQ(any().get("k", {{ext("request-payer"), "owner"}}).status, 403);
    const Answer paid = any().get("k", {{ext("request-payer"), "requester"}});
    EXPECT_EQ(paid.body, "x");
    EXPECT_EQ(paid.header(ext("request-charged")), "requester");
}

}  // namespace
}  // namespace xbucket::testing
