// SPDX-FileCopyrightText: the xbucket authors
// Temporary keys that come and go while the server runs.
#include "fixture.h"

namespace xbucket::testing {
namespace {

class KeyRingTest : public BothDialects {
  protected:
    Answer change(Client& by, const std::string& lines) {
        return by.send({.method = "PUT", .bucket = "", .query = {{"x-keys", ""}}, .body = lines});
    }
    Client temporary(const std::string& token = "tok") {
        return Client(server_->port(), clock_, GetParam(), "tmp", "tmpsecret", token);
    }
};
INSTANTIATE_TEST_SUITE_P(Schemes, KeyRingTest,
                         ::testing::Values(Scheme::oss_v1, Scheme::oss_v4, Scheme::sigv4),
                         scheme_name);

TEST_P(KeyRingTest, key_is_good_with_its_token_until_its_end) {
    EXPECT_EQ(temporary().put("k", "x").code(), "InvalidAccessKeyId");
    ASSERT_EQ(change(oss(), "add tmp tmpsecret tok 60\n").status, 200);
    EXPECT_EQ(temporary().put("k", "x").status, 200);
    EXPECT_EQ(temporary().get("k").body, "x");
    EXPECT_EQ(temporary("other").get("k").code(),
              is_oss() ? "InvalidSecurityToken" : "InvalidToken");
    EXPECT_EQ(any().get("k").body, "x") << "the lasting key stays good";
    clock_.advance(std::chrono::seconds(60));
    const Answer late = temporary().get("k");
    EXPECT_EQ(late.status, is_oss() ? 403 : 400);
    EXPECT_EQ(late.code(), is_oss() ? "SecurityTokenExpired" : "ExpiredToken");
}

TEST_P(KeyRingTest, keys_can_be_ended_and_forgotten_before_their_time) {
    ASSERT_EQ(change(oss(), "add tmp tmpsecret tok 60\nend tmp").status, 200);
    EXPECT_EQ(temporary().get("k").code(), is_oss() ? "SecurityTokenExpired" : "ExpiredToken");
    ASSERT_EQ(change(oss(), "remove tmp").status, 200);
    EXPECT_EQ(temporary().get("k").code(), "InvalidAccessKeyId");
}

TEST_P(KeyRingTest, only_the_lasting_key_may_change_keys) {
    Client nobody = client(Scheme::anonymous);
    EXPECT_EQ(change(nobody, "add tmp tmpsecret tok 60").status, 403);
    ASSERT_EQ(change(oss(), "add tmp tmpsecret tok 60").status, 200);
    Client by = temporary();
    EXPECT_EQ(change(by, "add other s t 60").status, 403);
}

TEST_P(KeyRingTest, bad_lines_change_nothing_and_are_not_repeated) {
    for (const char* lines :
         {"add tmp tmpsecret tok", "add tmp tmpsecret tok 86401", "add tmp tmpsecret tok -1",
          "end tmp", "remove tmp", "steal tmp", "add tmp tmpsecret tok 60\nnonsense"}) {
        const Answer answer = change(oss(), lines);
        EXPECT_EQ(answer.status, 400) << lines;
        EXPECT_EQ(answer.body.find("tmpsecret"), std::string::npos);
        EXPECT_EQ(temporary().get("k").code(), "InvalidAccessKeyId") << lines;
    }
}

}  // namespace
}  // namespace xbucket::testing
