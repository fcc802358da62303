#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# rclone against the local bucket server; started by run.sh with a folder to work in.
# shellcheck disable=SC2016 # the commands of check are expanded by its eval
set -uo pipefail

work=$1/rclone
mkdir -p "$work"
export RCLONE_CONFIG=$work/none.conf RCLONE_CONFIG_B_TYPE=s3 RCLONE_CONFIG_B_PROVIDER=Other \
    RCLONE_CONFIG_B_ACCESS_KEY_ID=$SDK_KEY RCLONE_CONFIG_B_SECRET_ACCESS_KEY=$SDK_SECRET \
    RCLONE_CONFIG_B_ENDPOINT=$SDK_ENDPOINT RCLONE_CONFIG_B_REGION=us-east-1 \
    RCLONE_CONFIG_B_FORCE_PATH_STYLE=true RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1
touch "$RCLONE_CONFIG"
remote=B:$SDK_BUCKET/rclone
passed=0
failed=0

# check NAME COMMAND ...: passes when the command does; its output is shown when it does not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: $(tail -n 3 <<<"$output" | tr '\n' ' ' | cut -c1-500)"
    fi
}
same() { # what is expected, what came
    [ "$1" = "$2" ] || { printf 'expected "%s", got "%s"\n' "$1" "$2"; return 1; }
}

src=$work/src
mkdir -p "$src/sub/deep" "$src/sp ace"
echo one >"$src/one.txt"
echo two >"$src/sub/two.html"
echo three >"$src/sub/deep/three"
echo odd >"$src/sp ace/odd +%&#?é日😀.txt"
: >"$src/empty"
head -c 12000000 /dev/urandom >"$src/big.bin"
touch -d '2020-02-03 04:05:06.789 UTC' "$src/one.txt"

listing() { rclone lsf -R --files-only "$remote" | LC_ALL=C sort; }
local_listing() { (cd "$src" && find . -type f | sed 's|^\./||' | LC_ALL=C sort); }
check 'copy uploads a tree, the big file in parts' \
    rclone copy "$src" "$remote" --s3-upload-cutoff 5M --s3-chunk-size 5M
check 'check finds no difference' rclone check "$src" "$remote"
check 'check --download compares every byte' rclone check --download "$src" "$remote"
check 'lsf lists every name' eval 'same "$(local_listing)" "$(listing)"'
check 'a second copy sends nothing' eval \
    'same "" "$(rclone copy "$src" "$remote" -v 2>&1 | grep -E "Copied|Updated" || true)"'
check 'the modification time is in the metadata' eval \
    'same "2020-02-03 04:05:06.789000000" "$(TZ=UTC rclone lsl "$remote/one.txt" | sed -E "s/ *[0-9]+ (.*) one.txt/\1/")"'
check 'touch changes the time by a copy in place' eval \
    'rclone touch "$remote/one.txt" -t 2001-02-03T04:05:06 && same "2001-02-03" "$(rclone lsl "$remote/one.txt" | awk "{print \$2}")"'
check 'the body is untouched by that' eval 'same one "$(rclone cat "$remote/one.txt")"'
check 'metadata is written and read' eval \
    'rclone copyto -M --metadata-set cache-control=no-store --metadata-set year=2021 "$src/one.txt" "$remote/meta.txt" &&
     rclone lsjson -M "$remote/meta.txt" | grep "\"cache-control\":\"no-store\"" &&
     rclone lsjson -M "$remote/meta.txt" | grep "\"year\":\"2021\""'
check 'metadata travels with a server-side copy' eval \
    'rclone copyto -M "$remote/meta.txt" "$remote/meta2.txt" && rclone lsjson -M "$remote/meta2.txt" | grep "\"year\":\"2021\""'
check 'cat --offset reads a range' eval 'same two "$(rclone cat --offset 0 --count 3 "$remote/sub/two.html")"'
check 'md5sum agrees' eval \
    'same "$(md5sum <"$src/sub/two.html" | cut -d" " -f1)" "$(rclone md5sum "$remote/sub/two.html" | cut -d" " -f1)"'
check 'server-side move' eval \
    'rclone moveto "$remote/sub/two.html" "$remote/sub/moved é.html" && same two "$(rclone cat "$remote/sub/moved é.html")" &&
     ! rclone lsf "$remote/sub" | grep -x two.html'
check 'sync deletes what is gone at the source' eval \
    'rm -r "$src/sub" && rclone sync "$src" "$remote" && same "$(local_listing)" "$(listing)"'
check 'copy back gives the same bytes' eval \
    'rclone copy "$remote" "$work/back" && diff -r "$src" "$work/back"'
check 'tree of pages' eval \
    'mkdir "$work/many" && (cd "$work/many" && seq 1 1100 | xargs -n1 touch) &&
     rclone copy --transfers 16 "$work/many" "$remote-many" && same 1100 "$(rclone lsf "$remote-many" | wc -l)"'
check 'link makes a URL that reads' eval 'same one "$(curl -sf --noproxy "*" "$(rclone link "$remote/one.txt")")"'
check 'purge leaves nothing' eval \
    'rclone purge "$remote" && rclone purge "$remote-many" && same "" "$(rclone lsf -R "B:$SDK_BUCKET")"'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
