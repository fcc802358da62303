// SPDX-FileCopyrightText: the xbucket authors
// A plain libcurl multi loop against a bucket server: fills buckets for the benchmarks, and is the
// yardstick that HEADs a second and per CPU second are held against. Nothing of xbucket's transport
// is in it; requests are signed by the store's signer, before the clock starts.
//
//     bucket_load put|head ENDPOINT BUCKET [--width N] [--bytes N] < OBJECTS
//
// OBJECTS: one a line, the key, then for put a tab before each "header: value". The key pair comes
// from OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET. Prints one JSON object: requests, seconds,
// cpu_seconds (of this process while it sent and received).
#include "bench_tool.h"
#include "request_signer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace bench_tool;
using namespace xbucket;

constexpr int kPatienceMs = 1000;

struct Options {
    bool put = false;
    std::string endpoint;
    std::string bucket;
    size_t width = 64;
    size_t bytes = 0;
};

Options parse(int argc, char** argv) {
    Options options;
    if (argc < 4) die("usage: bucket_load put|head ENDPOINT BUCKET [--width N] [--bytes N]");
    options.put = std::strcmp(argv[1], "put") == 0;
    options.endpoint = argv[2];
    options.bucket = argv[3];
    for (int i = 4; i + 1 < argc; i += 2) {
        const size_t number = std::strtoul(argv[i + 1], nullptr, 10);
        if (std::strcmp(argv[i], "--width") == 0)
            options.width = number;
        else if (std::strcmp(argv[i], "--bytes") == 0)
            options.bytes = number;
        else
            die(fmt::format("no option {}", argv[i]));
    }
    return options;
}

struct Request {
    std::string url;
    curl_slist* headers = nullptr;
};

class Signer {
  public:
    explicit Signer(const Options& options) : put_(options.put), body_(options.bytes, 'x') {
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

    const std::string& body() const { return body_; }

    Request sign(const std::string& line) const {
        RequestParts parts;
        parts.method = put_ ? HttpMethod::put : HttpMethod::head;
        parts.body = put_ ? body_ : std::string();
        size_t at = line.find('\t');
        parts.key = ObjectKey(line.substr(0, at));
        while (put_ && at != std::string::npos) {
            const size_t end = line.find('\t', at + 1);
            const std::string header = line.substr(at + 1, end - at - 1);
            const size_t colon = header.find(": ");
            if (colon == std::string::npos) die("a header without ': ' in: " + line);
            parts.headers.add(header.substr(0, colon), header.substr(colon + 2));
            at = end;
        }
        const HttpRequest signed_form = signed_request(parts, {.address = address_,
                                                               .credentials = credentials_,
                                                               .kind = SignatureKind::sig_v4,
                                                               .now = SystemClock().wall_now()});
        Request request;
        request.url = signed_form.origin + signed_form.target;
        for (const HeaderView header : signed_form.headers)
            request.headers = curl_slist_append(
                request.headers, fmt::format("{}: {}", header.name, header.value).c_str());
        request.headers = curl_slist_append(request.headers, "Expect:");
        request.headers = curl_slist_append(request.headers, "Accept:");
        // Else libcurl sends a form's, and the server stores it.
        if (!signed_form.headers.has("Content-Type"))
            request.headers = curl_slist_append(request.headers, "Content-Type:");
        return request;
    }

  private:
    const bool put_;
    const std::string body_;
    Address address_;
    Credentials credentials_;
};

size_t ignore_bytes(char*, size_t size, size_t count, void*) { return size * count; }

// Headers are looked at as any client must: parsed into strings, then dropped.
size_t take_header(char* text, size_t size, size_t count, void* into) {
    static_cast<std::vector<std::string>*>(into)->emplace_back(text, size * count);
    return size * count;
}

// What is left to send, signed ahead for a measurement, on the way for a filling.
class Source {
  public:
    Source(const Signer& signer, bool ahead) : signer_(signer) {
        std::string line;
        while (ahead && std::getline(std::cin, line))
            if (!line.empty()) ready_.push_back(signer_.sign(line));
    }
    bool next(Request& request) {
        if (!ready_.empty()) {
            request = std::move(ready_.front());
            ready_.pop_front();
            return true;
        }
        std::string line;
        if (!std::getline(std::cin, line)) return false;
        request = signer_.sign(line);
        return true;
    }

  private:
    const Signer& signer_;
    std::deque<Request> ready_;
};

class Loop {
  public:
    Loop(const Options& options, const Signer& signer, Source& source)
        : signer_(signer), source_(source), put_(options.put), multi_(curl_multi_init()) {
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options.width));
        slots_.resize(options.width);
    }
    ~Loop() {
        for (Slot& slot : slots_)
            if (slot.easy != nullptr) curl_easy_cleanup(slot.easy);
        curl_multi_cleanup(multi_);
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    size_t run() {
        for (Slot& slot : slots_) {
            slot.easy = curl_easy_init();
            start(slot);
        }
        while (under_way_ > 0) {
            int running = 0;
            int left = 0;
            curl_multi_poll(multi_, nullptr, 0, kPatienceMs, nullptr);
            curl_multi_perform(multi_, &running);
            while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) finish(*message);
        }
        return done_;
    }

  private:
    struct Slot {
        CURL* easy = nullptr;
        Request request;
        std::vector<std::string> headers;
    };

    void start(Slot& slot) {
        if (!source_.next(slot.request)) return;
        CURL* easy = slot.easy;
        curl_easy_reset(easy);
        curl_easy_setopt(easy, CURLOPT_URL, slot.request.url.c_str());
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot.request.headers);
        curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_PRIVATE, &slot);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_bytes);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, &slot.headers);
        if (put_) {
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                             static_cast<curl_off_t>(signer_.body().size()));
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, signer_.body().c_str());
        } else {
            curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        }
        curl_multi_add_handle(multi_, easy);
        ++under_way_;
    }

    void finish(const CURLMsg& message) {
        CURL* easy = message.easy_handle;
        const CURLcode code = message.data.result;
        Slot* slot = nullptr;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (code != CURLE_OK || status / 100 != 2)
            die(fmt::format("{}: status {}, {}", slot->request.url, status,
                            curl_easy_strerror(code)));
        curl_multi_remove_handle(multi_, easy);
        curl_slist_free_all(slot->request.headers);
        slot->headers.clear();
        --under_way_;
        ++done_;
        start(*slot);
    }

    const Signer& signer_;
    Source& source_;
    const bool put_;
    CURLM* multi_;
    std::vector<Slot> slots_;
    size_t under_way_ = 0;
    size_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const Signer signer(options);
    Source source(signer, !options.put);
    const double wall = seconds_of(CLOCK_MONOTONIC);
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    const size_t done = Loop(options, signer, source).run();
    fmt::print("{{\"requests\": {}, \"seconds\": {:.6f}, \"cpu_seconds\": {:.6f}}}\n", done,
               seconds_of(CLOCK_MONOTONIC) - wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}
