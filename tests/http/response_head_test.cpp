// SPDX-FileCopyrightText: the xbucket authors
#include "response_head.h"

#include <gtest/gtest.h>

namespace xbucket {
namespace {

using Progress = ResponseHead::Progress;

// Feeds lines (without their ends) until one fails or all are in.
Result<Progress> feed(ResponseHead& head, const std::vector<std::string>& lines) {
    Progress last = Progress::more;
    for (const std::string& line : lines) last = TRY(head.feed(line + "\r\n"));
    return last;
}

TEST(ResponseHeadTest, head_is_complete_after_the_empty_line) {
    ResponseHead head;
    EXPECT_EQ(feed(head, {"HTTP/1.1 206 Partial Content", "A: b"}).value(), Progress::more);
    EXPECT_FALSE(head.complete());
    EXPECT_EQ(feed(head, {""}).value(), Progress::final_head);
    EXPECT_TRUE(head.complete());
    EXPECT_EQ(head.status(), 206);
    EXPECT_EQ(head.headers().get("a"), "b");
}

TEST(ResponseHeadTest, interim_heads_leave_nothing_behind) {
    ResponseHead head;
    EXPECT_EQ(feed(head, {"HTTP/1.1 103 Early Hints", "Link: x", ""}).value(), Progress::interim);
    EXPECT_FALSE(head.complete());
    EXPECT_EQ(feed(head, {"HTTP/1.1 200 OK", "A: b", ""}).value(), Progress::final_head);
    EXPECT_FALSE(head.headers().has("Link"));
}

TEST(ResponseHeadTest, trailers_change_nothing) {
    ResponseHead head;
    ASSERT_TRUE(feed(head, {"HTTP/1.1 200 OK", "ETag: a", ""}));
    EXPECT_EQ(feed(head, {"ETag: b", "HTTP/1.1 500 Oops", ""}).value(), Progress::final_head);
    EXPECT_EQ(head.status(), 200);
    EXPECT_EQ(head.headers().size(), 1U);
}

TEST(ResponseHeadTest, what_is_no_head_is_a_bad_reply) {
    for (const std::vector<std::string>& lines :
         std::vector<std::vector<std::string>>{{"garbage"},
                                               {"HTTP/1.1"},
                                               {"HTTP/1.1 abc"},
                                               {"HTTP/1.1 99 Low"},
                                               {"HTTP/1.1 200 OK", "no colon"},
                                               {"HTTP/1.1 200 OK", ": no name"},
                                               {"HTTP/1.1 200 OK", " folded onto nothing"},
                                               {"HTTP/1.1 200 OK", "HTTP/1.1 200 OK"}}) {
        ResponseHead head;
        const auto result = feed(head, lines);
        ASSERT_FALSE(result) << lines.back();
        EXPECT_EQ(result.error().kind, ErrorKind::bad_reply);
    }
}

TEST(ResponseHeadTest, content_length_must_be_one_length) {
    for (const std::string bad : {"-1", "1e3", "", "9223372036854775808", "5, 5", "0x10"}) {
        ResponseHead head;
        EXPECT_FALSE(feed(head, {"HTTP/1.1 200 OK", "Content-Length: " + bad, ""})) << bad;
    }
    ResponseHead two;
    EXPECT_FALSE(feed(two, {"HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 6", ""}));
    ResponseHead same;
    ASSERT_TRUE(feed(same, {"HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 5", ""}));
    EXPECT_EQ(same.content_length(), 5U);
    ResponseHead largest;
    ASSERT_TRUE(feed(largest, {"HTTP/1.1 200 OK", "Content-Length: 9223372036854775807", ""}));
}

TEST(ResponseHeadTest, count_of_headers_is_capped) {
    ResponseHead head;
    ASSERT_TRUE(feed(head, {"HTTP/1.1 200 OK"}));
    for (size_t i = 0; i < ResponseHead::kHeadersMax; ++i) ASSERT_TRUE(feed(head, {"A: b"})) << i;
    EXPECT_FALSE(feed(head, {"A: b"}));
}

TEST(ResponseHeadTest, bytes_are_capped_over_interim_heads_repeats_and_trailers_together) {
    const std::string half(ResponseHead::kBytesMax / 2 - 10, 'x');
    ResponseHead head;
    ASSERT_TRUE(feed(head, {"HTTP/1.1 100 Continue", "A: " + half, ""}));
    head.restart();
    EXPECT_FALSE(feed(head, {"HTTP/1.1 200 OK", "A: " + half}));
}

}  // namespace
}  // namespace xbucket
