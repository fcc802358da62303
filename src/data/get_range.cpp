// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/data/get_range.h"

#include "xbucket/base/encoding.h"
#include "xbucket/base/log.h"

#include <fmt/format.h>

namespace xbucket {
namespace {

class RangeSink final : public GetSink {
  public:
    RangeSink(const ETag& etag, uint64_t length) : etag_(etag), length_(length) {
        bytes_.reserve(static_cast<size_t>(length));
    }
    Result<void> on_info(const ObjectInfo& info) override {
        // The second wall behind If-Match: not every service honours it on GET.
        if (!etag_.empty() && info.etag != etag_) {
            return fail(ErrorKind::precondition_failed, "the object was replaced meanwhile");
        }
        return {};
    }
    Result<BodySink::Action> on_data(std::string_view bytes) override {
        if (bytes_.size() + bytes.size() > length_) {
            return fail(ErrorKind::bad_reply, "the service sent more than was asked for");
        }
        bytes_ += bytes;
        return BodySink::Action::taken;
    }
    std::string take() { return std::move(bytes_); }

  private:
    const ETag etag_;
    const uint64_t length_;
    std::string bytes_;
};

Result<std::string> get_once(ObjectStore& store, const GetRequest& request) {
    RangeSink sink(request.if_match, request.length);
    TRY(store.get(request, sink, {.request_class = RequestClass::data}));
    std::string bytes = sink.take();
    if (bytes.size() != request.length) {
        return fail(ErrorKind::bad_reply,
                    fmt::format("'{}': {} bytes came instead of {}", printable(request.key.str()),
                                bytes.size(), request.length));
    }
    return bytes;
}

}  // namespace

Result<std::string> get_range(ObjectStore& store, const ObjectKey& key, const ETag& etag,
                              uint64_t offset, uint64_t length, bool whole) {
    GetRequest request;
    request.key = key;
    request.offset = offset;
    request.length = length;
    request.whole = whole;
    request.if_match = etag;
    Result<std::string> bytes = get_once(store, request);
    if (bytes || bytes.error().kind != ErrorKind::checksum_mismatch) return bytes;
    log_warning("data", "key='{}' is read again: {}", printable(key.str()),
                bytes.error().describe());
    return get_once(store, request);
}

bool is_gone_or_replaced(const Error& error) {
    return error.kind == ErrorKind::precondition_failed || error.kind == ErrorKind::not_found ||
           error.kind == ErrorKind::bad_range;
}

}  // namespace xbucket
