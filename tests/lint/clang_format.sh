#!/bin/sh
# SPDX-FileCopyrightText: the xbucket authors
# Every C++ file stands as .clang-format says. usage: clang_format.sh CLANG_FORMAT SOURCE_ROOT
set -eu
cd "$2"
find include src tests -name node_modules -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0 |
    xargs -0 "$1" --dry-run --Werror
