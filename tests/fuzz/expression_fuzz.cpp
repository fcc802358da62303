// SPDX-FileCopyrightText: the xbucket authors
// The grammar of `xbucket find`, with any bytes. What parses must be judged, whatever an object
// holds, and be judged alike twice.
#include "tool/expression.h"

#include "xbucket/base/result.h"

#include <cstdint>

using namespace xbucket;  // NOLINT

namespace {

class EveryValue final : public app::FoundObject {
  public:
    explicit EveryValue(std::string text) : text_(std::move(text)) {}
    Result<std::optional<std::string>> value(app::Subject, const std::string& attribute) override {
        if (attribute.size() % 2 == 1) return std::optional<std::string>();
        return std::optional<std::string>(text_);
    }

  private:
    const std::string text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto expression = app::Expression::parse(text, WallTime::from_seconds(1));
    if (!expression) {
        CHECK(expression.error().kind == ErrorKind::invalid_argument);
        CHECK(expression.error().message.find('\n') == std::string::npos);
        return 0;
    }
    for (const std::string& value : {std::string(), std::string("2020"), text}) {
        EveryValue object(value);
        const auto once = expression->matches(object);
        const auto twice = expression->matches(object);
        CHECK(once && twice && *once == *twice);
    }
    return 0;
}
