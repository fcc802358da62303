#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# The Debian package as its user meets it: built by scripts/package (lintian clean), installed with
# apt into a fresh Debian system made by debootstrap, used there word for word as README says, removed
# and purged without a trace.
#
#   run.sh BUILD-FOLDER      exits 77 (skipped) where it is not root or debootstrap cannot work
#
# The fresh system is kept in BUILD-FOLDER as an archive, so that the next run need not make it again.
set -Eeuo pipefail
trap 'echo "line $LINENO: $BASH_COMMAND: status $?"' ERR
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=${1:?usage: run.sh BUILD-FOLDER}
[ "$(id -u)" = 0 ] || {
    echo "needs root for a chroot; skipped"
    exit 77
}
mkdir -p "$out"
out=$(realpath "$out")
rm -f "$out"/*.deb
(cd "$top" && XBUCKET_MESON_OPTIONS=-Dwerror=true scripts/package "$out")
deb=$(ls "$out"/xbucket_*.deb)
[ -f "$deb" ] || {
    echo "no package was built"
    exit 1
}

. "$here/fresh.sh"
make_fresh "$out"
files_of_system() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./root \) -prune -o -print | sort); }

inside apt-get install -y -qq --no-install-recommends attr fuse3 >/dev/null 2>&1
# What the package needs besides is here before, so that what it leaves behind is its own.
needs=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/(.*//;s/|.*//' | xargs)
# shellcheck disable=SC2086
inside apt-get install -y -qq --no-install-recommends $needs >/dev/null 2>&1
files_of_system >"$out/before"

cp "$deb" "$root/tmp/"
inside apt-get install -y -qq --no-install-recommends "/tmp/$(basename "$deb")" >"$out/install.log" 2>&1 || {
    tail -n 20 "$out/install.log"
    exit 1
}
echo "installed: $(inside xbucket --version)"
inside test -x /sbin/mount.fuse.xbucket
inside test -x /sbin/umount.fuse.xbucket
inside test -f /usr/share/man/man1/xbucket.1.gz
inside test -f /usr/share/man/man5/xbucket.conf.5.gz
inside test -f /usr/share/bash-completion/completions/xbucket
inside test -f /usr/share/zsh/vendor-completions/_xbucket
inside test -f /lib/systemd/system/xbucket@.service || inside test -f /usr/lib/systemd/system/xbucket@.service

if [ -e /dev/fuse ]; then
    # README's first minute and its commands, word for word, in the fresh system: the minute ends with an
    # unmount, the commands begin with its second line.
    python3 - "$top/README.md" >"$root/tmp/tour" <<'PYTHON'
import re
import sys
text = open(sys.argv[1], encoding="utf-8").read()
def lines(heading):
    section = text.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return [re.split(r"\s{2,}", line[4:])[0] for line in section.splitlines() if line.startswith("    ")]
minute = lines("### One minute with it")
print("\n".join(["set -eux", *minute, minute[1], *lines("## Commands")]))
PYTHON
    inside bash /tmp/tour >"$out/tour.log" 2>&1 || {
        tail -n 20 "$out/tour.log"
        echo "README's tour does not work in a fresh system"
        exit 1
    }
    grep -q 'user.year="2020"' "$out/tour.log"
    grep -q 'nothing stands in the way of a mount' "$out/tour.log"
    # By mount(8), as fstab would.
    mkdir -p "$root/mnt"
    inside mount -t fuse.xbucket local:/root/buckets /mnt
    inside test -f /mnt/note.txt
    # umount(8) waits for the daemon by way of its helper: what is recorded late is there at once.
    inside touch -d '2001-02-03 04:05:06 UTC' /mnt/note.txt
    inside umount /mnt
    inside xbucket stat --json 'local:/root/buckets#bucket/note.txt' >"$out/stat.log"
    grep -q 981173106 "$out/stat.log"
    rm -rf "$root/root/buckets" "$root/var/lib/xbucket"
fi
inside apt-get purge -y -qq xbucket >"$out/purge.log" 2>&1
files_of_system >"$out/after"
left=$(comm -13 "$out/before" "$out/after" | grep -v -e '/__pycache__' -e '^./etc/ld.so.cache' -e '^./run/' -e '^./etc/mtab.fuselock' || true)
[ -z "$left" ] || {
    echo "left behind after purge:"
    echo "$left"
    exit 1
}
echo "removed without a trace"
