// SPDX-FileCopyrightText: the xbucket authors
// A server on a fresh folder with a bucket "bkt", a clock that tests move, and a client of each
// dialect.
#pragma once

#include "client.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

#include "xbucket/local/server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace xbucket::testing {

inline std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

class LocalServerTest : public ::testing::Test {
  protected:
    void SetUp() override { start(); }

    local::ServerConfig config() const {
        local::ServerConfig c;
        c.directory = folder_.path();
        c.access_key_id = "ak";
        c.access_key_secret = Secret("sk");
        c.part_bytes_min = 10;
        return c;
    }
    void start() { start(config()); }
    void start(local::ServerConfig c) {
        oss_.reset();
        s3_.reset();
        server_.reset();
        auto started = local::Server::start(std::move(c), clock_);
        ASSERT_TRUE(started) << started.error().describe();
        server_ = std::move(*started);
        ASSERT_TRUE(server_->make_bucket("bkt"));
        oss_ = std::make_unique<Client>(server_->port(), clock_, Scheme::oss_v4);
        s3_ = std::make_unique<Client>(server_->port(), clock_, Scheme::sigv4);
    }
    Client client(Scheme scheme) const { return Client(server_->port(), clock_, scheme); }
    Client& oss() { return *oss_; }
    Client& s3() { return *s3_; }

    TempDir folder_;
    FakeClock clock_;
    std::unique_ptr<local::Server> server_;
    std::unique_ptr<Client> oss_;
    std::unique_ptr<Client> s3_;
};

// The same promise in both dialects.
class BothDialects : public LocalServerTest, public ::testing::WithParamInterface<Scheme> {
  protected:
    Client& any() { return GetParam() == Scheme::sigv4 ? *s3_ : *oss_; }
    bool is_oss() const { return GetParam() != Scheme::sigv4; }
    std::string meta(const std::string& name) const {
        return (is_oss() ? "x-oss-meta-" : "x-amz-meta-") + name;
    }
    std::string ext(const std::string& name) const {
        return (is_oss() ? "x-oss-" : "x-amz-") + name;
    }
};
inline std::string scheme_name(const ::testing::TestParamInfo<Scheme>& param) {
    switch (param.param) {
        case Scheme::oss_v1:
            return "oss_v1";
        case Scheme::oss_v4:
            return "oss_v4";
        case Scheme::sigv4:
            return "s3";
        case Scheme::anonymous:
            return "anonymous";
    }
    return "";
}

}  // namespace xbucket::testing
