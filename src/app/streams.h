// SPDX-FileCopyrightText: the xbucket authors
// The three streams that a process is started with, and what is printed on two of them. A stream
// that cannot be written to ends no process: standard output's failure is remembered and told by
// the exit code, and about standard error's there is nobody to tell.
#pragma once

#include "xbucket/base/result.h"

#include <string_view>

namespace xbucket::app {

// Call first. A stream that the caller closed becomes /dev/null: otherwise the next file that is
// opened would get its number, and messages would be written into it.
void open_missing_streams();

// Thread-safe. Buffered: flush_out() says whether it arrived.
void print_out(std::string_view text);
void print_error(std::string_view text);

// Whether some of what was printed is known to be lost.
bool out_failed();
// Errors: cancelled, where it is a pipe that nobody reads any more; io with the reason.
Result<void> flush_out();

}  // namespace xbucket::app
