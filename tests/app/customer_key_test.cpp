// SPDX-FileCopyrightText: the xbucket authors
#include "customer_key.h"

#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sys/stat.h>

namespace xbucket::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CustomerKeyFile : public ::testing::Test {
  protected:
    Result<Secret> read(const std::string& text, mode_t mode = 0600) {
        const std::string path = directory_.path() + "/key";
        std::ofstream(path, std::ios::binary) << text;
        EXPECT_EQ(chmod(path.c_str(), mode), 0);
        return read_customer_key(path);
    }
    testing::TempDir directory_;
};

TEST_F(CustomerKeyFile, thirty_two_bytes_as_they_are_in_base64_or_in_hexadecimal) {
    const std::string key = std::string("\n\0\xff", 3) + std::string(27, 'k') + "\r\n";
    ASSERT_EQ(key.size(), 32U);
    EXPECT_EQ(read(key)->reveal(), key);
    EXPECT_EQ(read("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")->reveal(),
              std::string(32, 'k'));
    std::string hex;
    for (int i = 0; i < 32; ++i) hex += "6b";
    EXPECT_EQ(read(hex + "\r\n")->reveal(), std::string(32, 'k'));
}

TEST_F(CustomerKeyFile, what_is_no_key_is_refused_without_being_shown) {
    for (const char* text :
         {"", "too short", "c2hvcnQ=", "not base64 but forty-four characters long!!!"}) {
        const auto refused = read(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
        if (*text != '\0') {
            EXPECT_THAT(refused.error().message, Not(HasSubstr(text)));
        }
    }
    EXPECT_EQ(read_customer_key(directory_.path() + "/none").error().kind, ErrorKind::not_found);
}

TEST_F(CustomerKeyFile, a_key_that_others_may_read_is_refused) {
    const auto refused = read(std::string(32, 'k'), 0644);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::access_denied);
    EXPECT_THAT(refused.error().message, HasSubstr("chmod"));
}

}  // namespace
}  // namespace xbucket::app
