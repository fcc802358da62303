// SPDX-FileCopyrightText: the xbucket authors
// The yardstick of bulk data: plain libcurl, several connections, ranges of one object or parts of
// one upload in order, out of and into memory. Nothing of xbucket's transport is in it; requests
// are signed by the store's signer.
//
//     bulk_transfer get|put ENDPOINT BUCKET KEY --bytes N [--part N] [--width N]
//
// The key pair comes from OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET. Prints one JSON object:
// seconds, cpu_seconds of this process.
#include "bench_tool.h"
#include "request_signer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench_tool;
using namespace xbucket;

struct Options {
    bool put = false;
    std::string endpoint;
    std::string bucket;
    std::string key;
    uint64_t bytes = 0;
    uint64_t part = 16U << 20;
    uint64_t width = 4;
};

Options parse(int argc, char** argv) {
    if (argc < 7) {
        die("usage: bulk_transfer get|put ENDPOINT BUCKET KEY --bytes N [--part N] [--width N]");
    }
    Options options;
    options.put = std::strcmp(argv[1], "put") == 0;
    options.endpoint = argv[2];
    options.bucket = argv[3];
    options.key = argv[4];
    for (int i = 5; i + 1 < argc; i += 2) {
        const std::map<std::string, uint64_t*> numbers = {
            {"--bytes", &options.bytes}, {"--part", &options.part}, {"--width", &options.width}};
        const auto found = numbers.find(argv[i]);
        if (found == numbers.end()) die(fmt::format("no option {}", argv[i]));
        *found->second = std::strtoull(argv[i + 1], nullptr, 10);
    }
    return options;
}

// Stands for a body that the client has in memory; only its signature's kind is used.
class NoSource final : public BodySource {
  public:
    uint64_t size() const override { return 0; }
    Result<void> rewind() override { return {}; }
    Result<Chunk> read(std::span<char>) override { return Chunk{}; }
};

struct Reply {
    std::string body;
    std::string etag;
    uint64_t bytes = 0;
    bool keep = false;
};

size_t take_body(char* text, size_t size, size_t count, void* into) {
    Reply& reply = *static_cast<Reply*>(into);
    reply.bytes += size * count;
    if (reply.keep) reply.body.append(text, size * count);
    return size * count;
}

size_t take_header(char* text, size_t size, size_t count, void* into) {
    const std::string line(text, size * count);
    if (line.size() > 6 && strncasecmp(line.c_str(), "etag: ", 6) == 0) {
        static_cast<Reply*>(into)->etag = line.substr(6, line.find_last_not_of("\r\n") - 5);
    }
    return size * count;
}

struct Upload {
    const char* at = nullptr;
    size_t left = 0;
};

size_t give_body(char* buffer, size_t size, size_t count, void* from) {
    Upload& upload = *static_cast<Upload*>(from);
    const size_t n = std::min(size * count, upload.left);
    std::memcpy(buffer, upload.at, n);
    upload.at += n;
    upload.left -= n;
    return n;
}

class Client {
  public:
    explicit Client(const Options& options) : options_(options), curl_(curl_easy_init()) {
        HttpStoreConfig config;
        config.dialect = DialectKind::s3;
        config.bucket = options.bucket;
        config.endpoint = options.endpoint;
        config.region = "us-east-1";
        auto address = make_address(config);
        if (!address) die(address.error().describe());
        address_ = *std::move(address);
        credentials_.access_key_id = from_environment("OSS_ACCESS_KEY_ID");
        credentials_.access_key_secret = Secret(from_environment("OSS_ACCESS_KEY_SECRET"));
    }
    ~Client() { curl_easy_cleanup(curl_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // `data` is sent unsigned, as xbucket sends bodies; a body in `parts` is signed.
    Reply run(RequestParts parts, std::string_view data, bool keep) {
        parts.key = ObjectKey(options_.key);
        if (!data.empty()) parts.body_source = std::make_shared<NoSource>();
        const HttpRequest request = signed_request(parts, {.address = address_,
                                                           .credentials = credentials_,
                                                           .kind = SignatureKind::sig_v4,
                                                           .now = SystemClock().wall_now()});
        curl_slist* headers = nullptr;
        for (const HeaderView header : request.headers) {
            headers = curl_slist_append(headers,
                                        fmt::format("{}: {}", header.name, header.value).c_str());
        }
        headers = curl_slist_append(headers, "Expect:");
        headers = curl_slist_append(headers, "Content-Type:");
        Reply reply;
        reply.keep = keep;
        Upload upload{data.data(), data.size()};
        const std::string url = request.origin + request.target;
        curl_easy_reset(curl_);
        curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &reply);
        curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &reply);
        curl_easy_setopt(curl_, CURLOPT_BUFFERSIZE, 512L << 10);
        curl_easy_setopt(curl_, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
        curl_easy_setopt(curl_, CURLOPT_FAILONERROR, 1L);
        if (parts.method == HttpMethod::post) {
            curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(parts.body.size()));
            curl_easy_setopt(curl_, CURLOPT_COPYPOSTFIELDS, parts.body.c_str());
        } else if (!data.empty()) {
            curl_easy_setopt(curl_, CURLOPT_UPLOAD, 1L);
            curl_easy_setopt(curl_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(data.size()));
            curl_easy_setopt(curl_, CURLOPT_READFUNCTION, give_body);
            curl_easy_setopt(curl_, CURLOPT_READDATA, &upload);
        }
        const CURLcode code = curl_easy_perform(curl_);
        curl_slist_free_all(headers);
        if (code != CURLE_OK) die(fmt::format("{}: {}", url, curl_easy_strerror(code)));
        return reply;
    }

  private:
    const Options& options_;
    CURL* curl_;
    Address address_;
    Credentials credentials_;
};

// Calls work(client, part, offset, length) for every part, from `width` threads.
template <class Work>
void for_each_part(const Options& options, Work work) {
    const uint64_t count = (options.bytes + options.part - 1) / options.part;
    std::atomic<uint64_t> next{0};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < options.width; ++t) {
        threads.emplace_back([&] {
            Client client(options);
            for (uint64_t part = next++; part < count; part = next++) {
                const uint64_t offset = part * options.part;
                work(client, part, offset, std::min(options.part, options.bytes - offset));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

void get(const Options& options) {
    for_each_part(options, [](Client& client, uint64_t, uint64_t offset, uint64_t length) {
        RequestParts parts;
        parts.method = HttpMethod::get;
        parts.headers.add("Range", fmt::format("bytes={}-{}", offset, offset + length - 1));
        const Reply reply = client.run(parts, {}, false);
        if (reply.bytes != length) die("a range of another length came");
    });
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
    const size_t from = text.find(before);
    const size_t to = text.find(after, from);
    if (from == std::string::npos || to == std::string::npos) die("no " + before + " in " + text);
    return text.substr(from + before.size(), to - from - before.size());
}

void put(const Options& options) {
    const std::string data(options.part, 'x');
    Client client(options);
    RequestParts start;
    start.method = HttpMethod::post;
    start.query = {{"uploads", ""}};
    const std::string id = between(client.run(start, {}, true).body, "<UploadId>", "</UploadId>");
    std::mutex mutex;
    std::map<uint64_t, std::string> etags;
    for_each_part(options, [&](Client& sender, uint64_t part, uint64_t, uint64_t length) {
        RequestParts parts;
        parts.method = HttpMethod::put;
        parts.query = {{"partNumber", fmt::to_string(part + 1)}, {"uploadId", id}};
        const Reply reply = sender.run(parts, std::string_view(data).substr(0, length), false);
        const std::lock_guard lock(mutex);
        etags[part + 1] = reply.etag;
    });
    RequestParts complete;
    complete.method = HttpMethod::post;
    complete.query = {{"uploadId", id}};
    complete.body = "<CompleteMultipartUpload>";
    for (const auto& [number, etag] : etags) {
        complete.body +=
            fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", number, etag);
    }
    complete.body += "</CompleteMultipartUpload>";
    client.run(complete, {}, true);
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const double begun = seconds_of(CLOCK_MONOTONIC);
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    options.put ? put(options) : get(options);
    fmt::print("{{\"seconds\": {:.6f}, \"cpu_seconds\": {:.6f}}}\n",
               seconds_of(CLOCK_MONOTONIC) - begun, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}
