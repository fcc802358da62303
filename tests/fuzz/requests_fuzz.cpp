// SPDX-FileCopyrightText: the xbucket authors
// Requests as `xbucket serve` meets them, with any bytes: request target and headers, the address,
// the signature (which nobody can guess), copy sources, bodies in chunks, XML bodies and fault
// rules. The input is a target, header lines, an empty line, a body.
#include "address.h"
#include "auth.h"
#include "chunked_body.h"
#include "copy_source.h"
#include "faults.h"
#include "request.h"
#include "xml_reader.h"

#include "xbucket/base/sync.h"

#include <algorithm>
#include <cstdint>

using namespace xbucket;         // NOLINT
using namespace xbucket::local;  // NOLINT

namespace {

std::string_view take_line(std::string_view* rest) {
    const size_t end = std::min(rest->find('\n'), rest->size());
    const std::string_view line = rest->substr(0, end);
    rest->remove_prefix(std::min(end + 1, rest->size()));
    return line;
}

void check_signature(Request& request, const AcceptedKey& key) {
    request.dialect = dialect_of(request);
    const auto readings = addresses_of(request, [](const std::string& b) { return b == "bucket"; });
    if (!readings) return;
    CHECK(!readings->empty());
    const auto who = authenticate(request, *readings, key, WallTime::from_seconds(1'700'000'000));
    CHECK(!who || who->anonymous);
    (void)parse_copy_source(request);
}

void check_chunks(std::string_view body, const AcceptedKey& key) {
    for (const ChunkedBody::Mode mode :
         {ChunkedBody::Mode::unsigned_trailer, ChunkedBody::Mode::signed_chunks,
          ChunkedBody::Mode::signed_trailer}) {
        uint64_t taken = 0;
        ChunkedBody chunks(
            mode, {"20231114T221320Z", {"20231114", "us-east-1", "s3"}, "seed"}, key.secret, 64,
            [&taken](std::string_view payload) -> Outcome<void> {
                taken += payload.size();
                return {};
            },
            [](std::string_view, std::string_view) {});
        // Cut anywhere, as networks do.
        const size_t cut = body.size() / 3;
        const bool fed = chunks.feed(body.substr(0, cut)) && chunks.feed(body.substr(cut));
        CHECK(taken <= 64);
        if (fed && chunks.finish()) {
            CHECK(taken == 64);
            CHECK(mode == ChunkedBody::Mode::unsigned_trailer);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const AcceptedKey key{"id", Secret("secret"), Secret("")};
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    Request request;
    request.method = "PUT";
    const bool target_ok = request.parse_target(take_line(&rest));
    while (!rest.empty()) {
        const std::string_view line = take_line(&rest);
        if (line.empty()) break;
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) continue;
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        request.headers.add(std::string(line.substr(0, colon)), std::string(value));
    }
    if (target_ok) check_signature(request, key);
    check_chunks(rest, key);
    if (const auto xml = XmlDocument::parse(rest, "")) {
        (void)xml->root().children().size();
        (void)xml->root().own_text();
    }
    Faults faults(0, 1);
    const auto set = faults.set(rest);
    CHECK(set || set.error().kind == ErrorKind::invalid_argument);
    if (set) (void)faults.next(RequestKind::put, "key");
    return 0;
}
