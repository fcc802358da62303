// SPDX-FileCopyrightText: the xbucket authors
// Memory for secrets: pages that are locked (never swapped out), left out of core dumps, and used
// for nothing else, so that no overflow of another object reaches them or is reached by them.
#pragma once

#include <cstddef>

namespace xbucket {

// At least `size` bytes, zeroed. Never nullptr: without memory the process ends, as it does
// elsewhere. Thread-safe.
char* allocate_secret(size_t size);
// Wipes and takes back. `size` as it was asked for. Thread-safe.
void free_secret(char* text, size_t size) noexcept;

bool secret_memory_is_locked();
void lock_secret_memory_again();

}  // namespace xbucket
