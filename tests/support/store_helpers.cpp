// SPDX-FileCopyrightText: the xbucket authors
// Bodies in memory, and short forms of the requests that tests make most.
#include "support/memory_store.h"

#include <array>
#include <cstring>

namespace xbucket::testing {

namespace {

class StringSource final : public BodySource {
  public:
    explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
    uint64_t size() const override { return bytes_.size(); }
    Result<void> rewind() override {
        position_ = 0;
        return {};
    }
    Result<Chunk> read(std::span<char> buffer) override {
        const size_t n = std::min(buffer.size(), bytes_.size() - position_);
        std::memcpy(buffer.data(), bytes_.data() + position_, n);
        position_ += n;
        return Chunk{n, false};
    }

  private:
    const std::string bytes_;
    size_t position_ = 0;
};

class StringSink final : public GetSink {
  public:
    Result<void> on_info(const ObjectInfo&) override { return {}; }
    Result<BodySink::Action> on_data(std::string_view bytes) override {
        text += bytes;
        return BodySink::Action::taken;
    }
    std::string text;
};

}  // namespace

Result<SharedBytes> read_body(BodySource* source) {
    std::string bytes;
    if (source != nullptr) {
        TRY(source->rewind());
        std::array<char, 16U << 10> buffer{};
        while (true) {
            const BodySource::Chunk chunk = TRY(source->read(buffer));
            bytes.append(buffer.data(), chunk.bytes);
            if (chunk.bytes == 0 && !chunk.pause) break;
            if (chunk.pause) std::this_thread::yield();
        }
        if (bytes.size() != source->size())
            return fail(ErrorKind::io, "the body has another length than it said");
    }
    return std::make_shared<const std::string>(std::move(bytes));
}

std::shared_ptr<BodySource> body_of(std::string bytes) {
    return std::make_shared<StringSource>(std::move(bytes));
}

Result<PutReply> put_object(ObjectStore& store, const std::string& key, std::string body,
                            const ObjectAttributes& attributes) {
    PutRequest request;
    request.key = ObjectKey(key);
    request.body = body_of(std::move(body));
    request.attributes = attributes;
    return store.put(request);
}

Result<std::string> read_object(ObjectStore& store, const std::string& key, uint64_t offset,
                                uint64_t length, const ETag& if_match) {
    GetRequest request;
    request.key = ObjectKey(key);
    request.offset = offset;
    request.length = length;
    request.if_match = if_match;
    StringSink sink;
    TRY(store.get(request, sink));
    return std::move(sink.text);
}

Result<std::vector<std::string>> list_names(ObjectStore& store, const ListRequest& request) {
    std::vector<std::string> keys;
    std::vector<std::string> prefixes;
    ListRequest next = request;
    do {
        ListPage page = TRY(store.list(next));
        for (ListEntry& entry : page.objects) keys.push_back(entry.key.str());
        for (std::string& prefix : page.common_prefixes) prefixes.push_back(std::move(prefix));
        next.token = page.next_token;
    } while (!next.token.empty());
    keys.insert(keys.end(), prefixes.begin(), prefixes.end());
    return keys;
}

}  // namespace xbucket::testing
