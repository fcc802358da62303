// SPDX-FileCopyrightText: the xbucket authors
// The reader of dumps, with any bytes. What it takes is written so that it reads the same again.
#include "tool/attribute_text.h"

#include <cstdint>
#include <sstream>

using namespace xbucket;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
    app::DumpReader reader(in);
    app::DumpedFile file;
    for (;;) {
        const auto more = reader.next(file);
        if (!more || !*more) return 0;
        std::istringstream again(app::dump_text(file));
        app::DumpReader second(again);
        app::DumpedFile copy;
        const auto read = second.next(copy);
        CHECK(read && *read == !file.attributes.empty());
        if (*read) CHECK(copy.path == file.path && copy.attributes == file.attributes);
    }
}
