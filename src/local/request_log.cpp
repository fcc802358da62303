// SPDX-FileCopyrightText: the xbucket authors
#include "request_log.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <thread>
#include <unistd.h>

namespace xbucket::local {

namespace {

// Bytes that are not UTF-8 become U+FFFD escapes one by one, so that every line is valid JSON.
void append_json(std::string& out, std::string_view text) {
    const bool utf8 = is_valid_utf8(text);
    out += '"';
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (u < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(u));
        } else if (u >= 0x80 && !utf8) {
            out += "\\ufffd";
        } else {
            out += c;
        }
    }
    out += '"';
}

}  // namespace

Result<std::unique_ptr<RequestLog>> RequestLog::open(const std::string& path) {
    FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!fd.is_open()) {
        return fail(ErrorKind::io,
                    fmt::format("cannot open the request log {}: {}", path, std::strerror(errno)));
    }
    return std::unique_ptr<RequestLog>(new RequestLog(std::move(fd)));
}

uint64_t RequestLog::owe(bool slow) {
    LockGuard lock(mutex_);
    owed_.emplace(next_, slow);
    return next_++;
}

bool RequestLog::owes_before(uint64_t end, bool slow_ones) const {
    LockGuard lock(mutex_);
    return std::any_of(owed_.begin(), owed_.lower_bound(end),
                       [&](const auto& one) { return slow_ones || !one.second; });
}

void RequestLog::settle(const std::atomic<bool>& stop, int patience) const {
    const uint64_t end = [&] {
        LockGuard lock(mutex_);
        return next_;
    }();
    // Real time on purpose: what is waited for are real threads and sockets. Many short waits,
    // because one long wait may be over before a machine that stood still lets another thread run.
    constexpr auto kMoment = std::chrono::milliseconds(2);
    while (!stop.load() && owes_before(end, patience > 0)) {
        std::this_thread::sleep_for(kMoment);
        if (patience > 0) --patience;
    }
}

void RequestLog::write(const LogEntry& entry, uint64_t owed) {
    std::string line = fmt::format("{{\"time\":\"{}\",\"method\":", format_iso8601(entry.time));
    append_json(line, entry.method);
    line += ",\"bucket\":";
    append_json(line, entry.bucket);
    line += ",\"key\":";
    append_json(line, entry.key);
    line += ",\"query\":";
    append_json(line, redact_query(entry.query));
    fmt::format_to(std::back_inserter(line),
                   ",\"kind\":\"{}\",\"status\":{},\"bytes_in\":{},\"bytes_out\":{},\"ms\":{:.3f},"
                   "\"id\":\"{}\"}}\n",
                   entry.kind, entry.status, entry.bytes_in, entry.bytes_out, entry.milliseconds,
                   entry.request_id);
    // A log that cannot be written (disk full) must not fail requests.
    [[maybe_unused]] const ssize_t n = ::write(fd_.get(), line.data(), line.size());
    if (owed == 0) return;
    LockGuard lock(mutex_);
    owed_.erase(owed);
}

std::string redact_query(std::string_view query) {
    std::string out;
    while (!query.empty()) {
        const size_t amp = query.find('&');
        const std::string_view item = query.substr(0, amp);
        query = amp == std::string_view::npos ? std::string_view() : query.substr(amp + 1);
        if (!out.empty()) out += '&';
        const std::string name = to_lower(item.substr(0, item.find('=')));
        const bool secret = name.find("signature") != std::string::npos ||
                            name.find("token") != std::string::npos ||
                            name.find("credential") != std::string::npos;
        const bool listing = name == "continuation-token";
        if (secret && !listing && name != "x-oss-signature-version") {
            out += name + "=***";
        } else {
            out += item;
        }
    }
    return out;
}

}  // namespace xbucket::local
