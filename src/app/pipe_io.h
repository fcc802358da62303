// SPDX-FileCopyrightText: the xbucket authors
#pragma once

#include <string_view>

namespace xbucket::app {

// Writes all of it to a pipe or a socket; as much as was read where the other end is gone. Blocks.
void write_all(int fd, std::string_view bytes);

}  // namespace xbucket::app
