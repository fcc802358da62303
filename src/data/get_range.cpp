// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/data/get_range.h"

#include "xbucket/base/encoding.h"

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

}  // namespace

Result<std::string> get_range(ObjectStore& store, const ObjectKey& key, const ETag& etag,
                              uint64_t offset, uint64_t length) {
    RangeSink sink(etag, length);
    GetRequest request;
    request.key = key;
    request.offset = offset;
    request.length = length;
    request.if_match = etag;
    TRY(store.get(request, sink, {.request_class = RequestClass::data}));
    std::string bytes = sink.take();
    if (bytes.size() != length) {
        return fail(ErrorKind::bad_reply, fmt::format("'{}': {} bytes came instead of {}",
                                                      printable(key.str()), bytes.size(), length));
    }
    return bytes;
}

bool is_gone_or_replaced(const Error& error) {
    return error.kind == ErrorKind::precondition_failed || error.kind == ErrorKind::not_found ||
           error.kind == ErrorKind::bad_range;
}

}  // namespace xbucket
