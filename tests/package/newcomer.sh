#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# README.md as a newcomer reads it: on a fresh Debian system, in a clone of this tree, from the top to
# the end, each command word for word, and those that scripts/demo tells one to try.
#
#   newcomer.sh BUILD-FOLDER      exits 77 (skipped) where no fresh system can be made
#
# With XBUCKET_TEST_LONG also "Tests", which builds and runs all of them there. Not here are mounts of
# services, for which tests/e2e/test_readme.py has a server, and scripts/test, of which this is a part.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${1:?usage: newcomer.sh BUILD-FOLDER}
[ "$(id -u)" = 0 ] && [ -e /dev/fuse ] || {
    echo "needs root and /dev/fuse; skipped"
    exit 77
}
mkdir -p "$out"
out=$(realpath "$out")
. "$here/fresh.sh"
make_fresh "$out"

# What is there before one begins: the sources, and sudo. Packages of the last time are kept, and the
# compiler's cache is that of who runs this, if he has one: what has been compiled of this tree is not
# compiled again. This changes how long it takes and nothing else.
objects=$(ccache --get-config cache_dir 2>/dev/null) && [ -d "$objects" ] || objects=$out/newcomer-objects
mkdir -p "$out/newcomer-packages/partial" "$objects" "$root/root/.ccache"
mount --bind "$out/newcomer-packages" "$root/var/cache/apt/archives"
mount --bind "$objects" "$root/root/.ccache"
{
    # Its size and what it looks at are as outside, or it would be trimmed, or not fit.
    ccache --show-config 2>/dev/null | sed -n 's/^(default).*//; s/^([^)]*) //p' |
        grep -E '^(compiler_check|depend_mode|direct_mode|max_files|max_size|sloppiness) ' || true
    echo "base_dir = /root"
    echo "hash_dir = false"
} >"$root/etc/ccache.conf"
rm -f "$root/etc/apt/apt.conf.d/docker-clean"
inside apt-get install -y -qq --no-install-recommends sudo git ccache >"$out/newcomer-base.log" 2>&1
git clone -q "file://$top" "$root/root/xbucket"
echo "127.0.0.1 $(hostname)" >>"$root/etc/hosts" # for sudo

python3 - "$top/README.md" "${XBUCKET_TEST_LONG:+long}" >"$root/tmp/page" <<'PYTHON'
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
sections = ["## Try it", "### Install it", "### One minute with it", "## Commands", "## Building by hand"]
if sys.argv[2]:
    sections.append("### Tests")
minute = []
print("set -eu\nsay() { printf '\\n$ %s\\n' \"$1\"; }")
# In the order in which they stand.
for heading in re.findall(r"^##.*", text, re.M):
    if heading not in sections:
        continue
    sections.remove(heading)
    section = text.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [re.split(r"\s{2,}", line[4:])[0] for line in section.splitlines() if line.startswith("    ")]
    if heading == "### One minute with it":
        minute = lines
    if heading == "## Commands":
        lines.insert(0, minute[1])  # the minute ended with an unmount
    for line in lines:
        if line.startswith("scripts/test"):
            continue
        print("say", "'" + line.replace("'", "'\\''") + "'")
        print(line + (" | tee /tmp/told" if line == "scripts/demo" else ""))
        if line == "scripts/demo":
            print("bash /tmp/try")
assert not sections, sections
PYTHON
# What scripts/demo says at its end; a real bucket is not at hand.
cat >"$root/tmp/try" <<'TRY'
set -eu
sed -n '/Try:/,$s/^  //p' /tmp/told | grep -v BUCKET | sed 's/   *[^ ].*//' >/tmp/lines
[ "$(wc -l </tmp/lines)" -ge 8 ]
. /tmp/lines
TRY
begun=$(date +%s)
inside bash -c 'cd /root/xbucket && bash -o pipefail /tmp/page' >"$out/newcomer.log" 2>&1 </dev/null || {
    tail -n 40 "$out/newcomer.log"
    echo "README does not work word for word on a fresh system"
    exit 1
}
grep -q '^0 steps failed' <(sed 's/\x1b\[[0-9;]*m//g' "$out/newcomer.log")
grep -q 'user.year="2020"' "$out/newcomer.log"
grep -q 'nothing stands in the way of a mount' "$out/newcomer.log"
# What "Building by hand" installed is there, and mount(8) finds it.
inside /usr/local/bin/xbucket --version >"$out/newcomer-version.log"
inside test -x /sbin/mount.fuse.xbucket
inside test -f /usr/local/share/man/man1/xbucket.1
echo "$(grep -c '^\$ ' "$out/newcomer.log") commands of README ran in $(($(date +%s) - begun)) s"
