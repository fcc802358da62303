// SPDX-FileCopyrightText: the xbucket authors
// The text that `getfattr -d` prints and `setfattr --restore` reads. Pure.
//
//     # file: PATH
//     user.year="2021"
//     user.bytes=0sAAEC
//     (an empty line)
#pragma once

#include "xbucket/base/result.h"

#include <istream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xbucket::app {

struct DumpedFile {
    std::string path;
    // So many bytes in front of it only say where it begins: "/", "./".
    size_t start = 0;
    // It is a key, whose every byte counts. Where it reads as another path does (a leading '/',
    // "//", "." or ".."), that is written with \ooo, and read as a key again.
    bool is_key = false;
    std::vector<std::pair<std::string, std::string>> attributes;  // in the text's order
    unsigned line = 0;                                            // of "# file:"
    friend bool operator==(const DumpedFile&, const DumpedFile&) = default;
};

// How much of a path only says where it begins: "/", "./", or "." alone.
size_t start_of_path(std::string_view text);

// As getfattr writes: a text value in quotes with what a shell or terminal would trip over as
// octal, everything else in base64. Ends with an empty line; "" for a file without attributes.
std::string dump_text(const DumpedFile& file);

// Reads one file's block after the other.
class DumpReader {
  public:
    explicit DumpReader(std::istream& in) : in_(in) {}
    // False at the end. Errors: invalid_argument with the line's number.
    Result<bool> next(DumpedFile& file);

  private:
    std::istream& in_;
    unsigned line_ = 0;
};

// "text" with escapes, 0x..., 0s...; setfattr's forms. Errors: invalid_argument.
Result<std::string> parse_value_text(std::string_view text);

}  // namespace xbucket::app
