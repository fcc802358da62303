// SPDX-FileCopyrightText: the xbucket authors
// What survives kill -9, several servers on one folder, plain files as objects.
#include "fixture.h"

#include "xbucket/base/digest.h"
#include "xbucket/base/encoding.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xbucket::testing {
namespace {

namespace fs = std::filesystem;

local::ServerConfig config_of(const std::string& directory) {
    local::ServerConfig c;
    c.directory = directory;
    c.access_key_id = "ak";
    c.access_key_secret = Secret("sk");
    c.part_bytes_min = 1;
    return c;
}

// A server in a process of its own, to be killed.
class ChildServer {
  public:
    explicit ChildServer(const std::string& directory) {
        int ends[2];
        if (::pipe(ends) != 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(ends[0]);
            static SystemClock clock;
            auto server = local::Server::start(config_of(directory), clock);
            const uint16_t port = server ? (*server)->port() : 0;
            if (::write(ends[1], &port, sizeof port) != sizeof port) ::_exit(1);
            for (;;) ::pause();
        }
        ::close(ends[1]);
        if (::read(ends[0], &port_, sizeof port_) != sizeof port_) port_ = 0;
        ::close(ends[0]);
    }
    ~ChildServer() { kill(); }
    ChildServer(const ChildServer&) = delete;
    ChildServer& operator=(const ChildServer&) = delete;
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    uint16_t port() const { return port_; }

  private:
    pid_t pid_ = -1;
    uint16_t port_ = 0;
};

std::string quoted_upper(std::string text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return "\"" + text + "\"";
}

size_t files_below(const std::string& path) {
    size_t n = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) ++n;
    }
    return n;
}

// What a writer knows: the last acknowledged state of each key, and what was under way.
struct Known {
    std::map<std::string, std::string> acknowledged;  // "" = deleted
    std::string doubtful_key;
    std::string doubtful_body;
};

void write_until_killed(uint16_t port, const Clock& clock, unsigned seed, Known& known,
                        std::atomic<int>& writes) {
    Client c(port, clock, seed % 2 == 0 ? Scheme::oss_v4 : Scheme::sigv4);
    std::mt19937 random(seed);
    const std::string prefix = "w" + std::to_string(seed) + "/";
    for (int n = 0;; ++n) {
        const std::string key = prefix + std::to_string(random() % 8);
        const auto kind = random() % 10;
        Answer answer;
        if (kind < 6) {
            known.doubtful_body = key + "#" + std::to_string(n) + std::string(random() % 9000, '.');
            known.doubtful_key = key;
            answer = c.put(key, known.doubtful_body);
        } else if (kind < 8) {
            known.doubtful_key = key;
            known.doubtful_body = "";
            answer = c.del(key);
        } else {
            // In place: the content must not change whatever happens.
            const auto before = known.acknowledged.find(key);
            if (before == known.acknowledged.end() || before->second.empty()) continue;
            known.doubtful_key = key;
            known.doubtful_body = before->second;
            answer = c.copy(key, key,
                            {{c.prefix() + "metadata-directive", "REPLACE"},
                             {c.prefix() + "meta-n", std::to_string(n)}});
        }
        if (answer.status == 0) return;
        if (answer.status / 100 != 2) {
            ADD_FAILURE() << answer.status << " " << answer.body;
            return;
        }
        known.acknowledged[key] = known.doubtful_body;
        known.doubtful_key.clear();
        ++writes;
    }
}

TEST(Durability, kill_9_loses_nothing_acknowledged_and_leaves_no_garbage) {
    const SystemClock clock;
    TempDir folder;
    fs::create_directory(folder / "bkt");
    std::map<std::string, std::string> expected;
    for (unsigned round = 0; round < 4; ++round) {
        std::array<Known, 4> known;
        {
            ChildServer child(folder.path());
            ASSERT_NE(child.port(), 0);
            std::atomic<int> writes = 0;
            std::atomic<size_t> running = known.size();
            std::vector<std::thread> writers;
            for (unsigned i = 0; i < known.size(); ++i) {
                known[i].acknowledged = expected;
                writers.emplace_back([&, i] {
                    write_until_killed(child.port(), clock, round * 10 + i, known[i], writes);
                    --running;
                });
            }
            while (writes < 150 + static_cast<int>(round) * 37 && running > 0)
                std::this_thread::yield();
            EXPECT_GT(running, 0U) << "a writer left before its server was killed";
            child.kill();
            for (auto& w : writers) w.join();
        }
        SystemClock server_clock;
        auto server = local::Server::start(config_of(folder.path()), server_clock);
        ASSERT_TRUE(server) << server.error().describe();
        Client c((*server)->port(), clock, Scheme::oss_v4);
        size_t objects = 0;
        for (unsigned i = 0; i < known.size(); ++i) {
            const std::string prefix = "w" + std::to_string(round * 10 + i) + "/";
            for (const auto& [key, body] : known[i].acknowledged) {
                if (!key.starts_with(prefix)) continue;
                const Answer got = c.get(key);
                const std::string state = got.status == 200 ? got.body : "";
                const bool as_acknowledged = state == body;
                const bool as_doubtful =
                    key == known[i].doubtful_key && state == known[i].doubtful_body;
                EXPECT_TRUE(as_acknowledged || as_doubtful) << key << " round " << round;
                if (got.status == 200) {
                    EXPECT_EQ(got.header("ETag"), quoted_upper(hex_encode(md5(got.body))));
                }
            }
        }
        for (std::string next;;) {
            QueryParameters query{{"list-type", "2"}, {"max-keys", "1000"}};
            if (!next.empty()) query.emplace_back("continuation-token", next);
            const Answer page = c.list(query);
            objects += std::stoul(page.xml("KeyCount"));
            next = page.xml("NextContinuationToken");
            if (next.empty()) break;
        }
        (*server)->stop();
        EXPECT_EQ(files_below(folder / ".xbucket/blobs"), objects) << "round " << round;
        EXPECT_EQ(files_below(folder / ".xbucket/tmp"), 1U) << "our own lock alone";
    }
}

TEST(Durability, an_upload_that_is_never_finished_leaves_nothing_behind) {
    FakeClock clock;
    TempDir folder;
    auto server = local::Server::start(config_of(folder.path()), clock);
    ASSERT_TRUE(server);
    ASSERT_TRUE((*server)->make_bucket("bkt"));
    {
        Client c((*server)->port(), clock, Scheme::oss_v4);
        std::string bytes =
            c.bytes_of({.method = "PUT", .key = "k", .body = std::string(9000, 'x')});
        RawConnection half((*server)->port());
        half.send_only(bytes.substr(0, bytes.size() - 100));
        half.close();
    }
    Client c((*server)->port(), clock, Scheme::oss_v4);
    EXPECT_EQ(c.head("k").status, 404);
    (*server)->stop();
    EXPECT_EQ(files_below(folder / ".xbucket/blobs"), 0U);
    EXPECT_EQ(files_below(folder / ".xbucket/tmp"), 1U);
}

TEST(SharedFolder, two_servers_see_each_others_writes_at_once_and_conditions_hold_between_them) {
    FakeClock clock;
    TempDir folder;
    std::vector<std::unique_ptr<local::Server>> servers;
    for (int i = 0; i < 2; ++i) {
        auto server = local::Server::start(config_of(folder.path()), clock);
        ASSERT_TRUE(server) << server.error().describe();
        servers.push_back(std::move(*server));
    }
    ASSERT_TRUE(servers[0]->make_bucket("bkt"));
    Client a(servers[0]->port(), clock, Scheme::oss_v4);
    Client b(servers[1]->port(), clock, Scheme::sigv4);
    for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(i);
        ASSERT_EQ(a.put("k", body).status, 200);
        ASSERT_EQ(b.get("k").body, body);
        ASSERT_EQ(b.put("k", body + "b").status, 200);
        ASSERT_EQ(a.get("k").body, body + "b");
    }
    // Of writers that create the same keys through both, exactly one wins each.
    constexpr int kKeys = 40;
    std::array<std::atomic<int>, kKeys> winners{};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            Client c(servers[t % 2]->port(), clock, t < 2 ? Scheme::oss_v4 : Scheme::sigv4);
            const Header only_new =
                t < 2 ? Header{"x-oss-forbid-overwrite", "true"} : Header{"If-None-Match", "*"};
            for (int k = 0; k < kKeys; ++k) {
                const Answer answer =
                    c.put("race/" + std::to_string(k), std::to_string(t), {only_new});
                if (answer.status == 200)
                    ++winners[static_cast<size_t>(k)];
                else
                    EXPECT_EQ(answer.status, t < 2 ? 409 : 412);
            }
        });
    }
    for (auto& t : threads) t.join();
    for (const auto& w : winners) EXPECT_EQ(w.load(), 1);
    servers.clear();
}

TEST(SharedFolder, guarded_edits_through_two_servers_lose_none) {
    SystemClock clock;
    TempDir folder;
    ChildServer one(folder.path());
    ChildServer two(folder.path());
    fs::create_directory(folder / "bkt");
    {
        Client c(one.port(), clock, Scheme::sigv4);
        ASSERT_EQ(c.put("k", "x").status, 200);
    }
    // Each edit appends one letter to the metadata under the guard of the version it read: here
    // content is replaced too, so that the ETag tells versions apart.
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            Client c(t == 0 ? one.port() : two.port(), clock, Scheme::sigv4);
            for (int i = 0; i < 40; ++i) {
                for (;;) {
                    const Answer got = c.get("k");
                    ASSERT_EQ(got.status, 200);
                    const Answer put = c.put("k", got.body + static_cast<char>('a' + t),
                                             {{"If-Match", got.header("ETag")}});
                    if (put.status == 200) break;
                    ASSERT_EQ(put.status, 412) << put.body;
                }
            }
        });
    }
    for (auto& t : threads) t.join();
    Client c(one.port(), clock, Scheme::sigv4);
    const std::string body = c.get("k").body;
    EXPECT_EQ(std::count(body.begin(), body.end(), 'a'), 40);
    EXPECT_EQ(std::count(body.begin(), body.end(), 'b'), 40);
}

class ImportTest : public LocalServerTest {
  protected:
    void SetUp() override {
        folder_.write("photos/2024/a b.jpg", "jpeg");
        folder_.write("photos/readme.txt", "hello");
        start();
    }
    Answer get(const std::string& key, const std::string& method = "GET", Headers headers = {}) {
        return oss().send(
            {.method = method, .bucket = "photos", .key = key, .headers = std::move(headers)});
    }
};

TEST_F(ImportTest, plain_files_are_objects_and_stay_as_they_are) {
    EXPECT_EQ(get("2024/a b.jpg").body, "jpeg");
    EXPECT_EQ(get("readme.txt", "HEAD").header("Content-Length"), "5");
    const Answer list = oss().send({.bucket = "photos", .query = {{"delimiter", "/"}}});
    EXPECT_EQ(list.xml("Key"), "readme.txt");
    EXPECT_NE(list.body.find("<Prefix>2024/</Prefix>"), std::string::npos);
    Headers edit{{"x-oss-copy-source", "/photos/readme.txt"}, {"x-oss-meta-year", "2021"}};
    ASSERT_EQ(get("readme.txt", "PUT", edit).status, 200);
    EXPECT_EQ(get("readme.txt").header("x-oss-meta-year"), "2021");
    EXPECT_EQ(get("readme.txt").body, "hello");
    EXPECT_EQ(get("readme.txt", "DELETE").status, 204);
    EXPECT_EQ(get("readme.txt").status, 404);
    start();
    EXPECT_EQ(get("readme.txt").status, 404) << "deleted objects do not come back";
    EXPECT_EQ(read_file(folder_ / "photos/readme.txt"), "hello");
}

TEST_F(ImportTest, files_that_change_or_appear_or_go_are_noticed_when_asked_for) {
    const std::string etag = get("readme.txt").header("ETag");
    folder_.write("photos/readme.txt", "longer than before");
    EXPECT_EQ(get("readme.txt").body, "longer than before");
    EXPECT_NE(get("readme.txt").header("ETag"), etag);
    folder_.write("photos/new/file", "new");
    EXPECT_EQ(get("new/file").body, "new");
    fs::remove(folder_ / "photos/new/file");
    EXPECT_EQ(get("new/file").status, 404);
}

TEST_F(ImportTest, a_file_that_went_while_no_server_ran_is_in_no_listing) {
    const auto listed = [&] { return oss().send({.bucket = "photos"}).body; };
    oss().send({.method = "PUT", .bucket = "photos", .key = "mine", .body = "written"});
    Headers edit{{"x-oss-copy-source", "/photos/2024/a%20b.jpg"}, {"x-oss-meta-year", "2024"}};
    ASSERT_EQ(get("2024/a b.jpg", "PUT", edit).status, 200);
    server_.reset();
    fs::rename(folder_ / "photos/readme.txt", folder_ / "away");
    start();
    EXPECT_EQ(listed().find("readme.txt"), std::string::npos);
    EXPECT_NE(listed().find("mine"), std::string::npos);
    EXPECT_EQ(get("2024/a b.jpg").header("x-oss-meta-year"), "2024");
    // It comes back with the size and time that it had.
    server_.reset();
    fs::rename(folder_ / "away", folder_ / "photos/readme.txt");
    start();
    EXPECT_NE(listed().find("readme.txt"), std::string::npos);
    EXPECT_EQ(get("readme.txt").body, "hello");
}

TEST_F(ImportTest, what_was_written_through_the_server_is_not_covered_by_a_file) {
    oss().send({.method = "PUT", .bucket = "photos", .key = "mine", .body = "written"});
    folder_.write("photos/mine", "a file");
    start();
    EXPECT_EQ(get("mine").body, "written");
    EXPECT_EQ(read_file(folder_ / "photos/mine"), "a file");
    oss().send({.method = "PUT", .bucket = "photos", .key = "readme.txt", .body = "replaced"});
    EXPECT_EQ(get("readme.txt").body, "replaced");
    EXPECT_EQ(read_file(folder_ / "photos/readme.txt"), "hello");
}

TEST_F(ImportTest, copies_of_imported_files_have_bytes_of_their_own) {
    Headers copy{{"x-oss-copy-source", "/photos/readme.txt"}};
    ASSERT_EQ(
        oss().send({.method = "PUT", .bucket = "bkt", .key = "copied", .headers = copy}).status,
        200);
    folder_.write("photos/readme.txt", "changed");
    EXPECT_EQ(oss().get("copied").body, "hello");
}

TEST_F(ImportTest, symlinks_lead_nowhere_outside) {
    folder_.write("outside/secret", "s");
    fs::create_directory_symlink(folder_ / "outside", folder_ / "photos/link");
    fs::create_symlink(folder_ / "outside/secret", folder_ / "photos/file-link");
    EXPECT_EQ(get("link/secret").status, 404);
    EXPECT_EQ(get("file-link").status, 404);
    start();
    EXPECT_EQ(get("link/secret").status, 404);
    EXPECT_EQ(get("file-link").status, 404);
}

TEST_F(LocalServerTest, objects_and_their_metadata_are_there_after_a_restart) {
    oss().put("k", "x", {{"x-oss-meta-a", "1"}, {"x-oss-tagging", "t=1"}});
    const std::string id = oss().post("up", "", {{"uploads", ""}}).xml("UploadId");
    oss().put("up", "part", {}, {{"partNumber", "1"}, {"uploadId", id}});
    const Answer before = oss().head("k");
    start();
    const Answer after = oss().head("k");
    EXPECT_EQ(after.header("x-oss-meta-a"), "1");
    EXPECT_EQ(after.header("ETag"), before.header("ETag"));
    EXPECT_EQ(after.header("Last-Modified"), before.header("Last-Modified"));
    EXPECT_EQ(oss().post("up", "", {{"uploadId", id}}, {{"x-oss-complete-all", "yes"}}).status,
              200);
    EXPECT_EQ(oss().get("up").body, "part");
}

}  // namespace
}  // namespace xbucket::testing
