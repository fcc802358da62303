// SPDX-FileCopyrightText: the xbucket authors
// Owners of libcurl's C handles, and the header list that it reads.
//
// HeaderLines builds its curl_slist nodes in one arena which is reused from request to request:
// curl_slist_append would cost two allocations and a walk of the list for every header, and
// libcurl only ever reads a list given to CURLOPT_HTTPHEADER.
#pragma once

#include "xbucket/base/encoding.h"
#include "xbucket/base/result.h"

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// Pairs curl_global_init and _cleanup, which libcurl counts and (7.84 on) serialises itself.
class CurlGlobal {
  public:
    CurlGlobal() { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); }
    ~CurlGlobal() { curl_global_cleanup(); }
    CurlGlobal(const CurlGlobal&) = delete;
    CurlGlobal& operator=(const CurlGlobal&) = delete;
};

// CURL and its relatives are `void` in this libcurl, so the deleter tells the owners apart.
template <auto Cleanup>
struct CurlDeleter {
    template <class Handle>
    void operator()(Handle* handle) const {
        Cleanup(handle);
    }
};
using CurlEasy = std::unique_ptr<CURL, CurlDeleter<&curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, CurlDeleter<&curl_multi_cleanup>>;
using CurlShare = std::unique_ptr<CURLSH, CurlDeleter<&curl_share_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, CurlDeleter<&curl_url_cleanup>>;

// Sets an option that this libcurl is known to have: anything but success is a bug (or no memory).
template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

// The lines for CURLOPT_HTTPHEADER. Names and values must have been checked: what is added here
// goes out as it is.
class HeaderLines {
  public:
    void clear() {
        bytes_.clear();
        starts_.clear();
    }
    // An empty value needs libcurl's "Name;" form: "Name:" would drop the header instead.
    void add(std::string_view name, std::string_view value) {
        begin(name);
        if (trim_ows(value).empty()) {
            bytes_ += ';';
        } else {
            bytes_ += ": ";
            bytes_ += value;
        }
        bytes_ += '\0';
    }
    // Keeps libcurl from making a header of that name.
    void suppress(std::string_view name) {
        begin(name);
        bytes_ += ':';
        bytes_ += '\0';
    }
    // Valid until the next change.
    curl_slist* list() {
        if (starts_.empty()) return nullptr;
        nodes_.resize(starts_.size());
        for (size_t i = 0; i < nodes_.size(); ++i) {
            nodes_[i].data = bytes_.data() + starts_[i];
            nodes_[i].next = i + 1 < nodes_.size() ? &nodes_[i + 1] : nullptr;
        }
        return nodes_.data();
    }

  private:
    void begin(std::string_view name) {
        starts_.push_back(bytes_.size());
        bytes_ += name;
    }
    std::string bytes_;
    std::vector<size_t> starts_;
    std::vector<curl_slist> nodes_;
};

}  // namespace xbucket
