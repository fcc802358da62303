#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# The Debian package as its user meets it: built by scripts/package (lintian clean), installed with
# apt into a fresh Debian system made by debootstrap, used there word for word as README says, removed
# and purged without a trace.
#
#   run.sh BUILD-FOLDER      exits 77 (skipped) where it is not root or debootstrap cannot work
#
# The fresh system is kept in BUILD-FOLDER as an archive, so that the next run need not make it again.
set -euo pipefail
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
# Optimising takes minutes and changes nothing of what is looked at here.
[ -n "${XBUCKET_TEST_LONG-}" ] || export DEB_BUILD_OPTIONS=noopt
(cd "$top" && scripts/package "$out")
deb=$(ls "$out"/xbucket_*.deb)
[ -f "$deb" ] || {
    echo "no package was built"
    exit 1
}

root=$(mktemp -d "${TMPDIR:-/tmp}/xbucket-fresh.XXXXXX")
unmount_all() {
    for inside in mnt root/b dev/fuse dev/null dev/urandom dev/pts proc; do
        mountpoint -q "$root/$inside" 2>/dev/null && umount -l "$root/$inside"
    done
    return 0
}
cleanup() {
    unmount_all
    # Never into what is still mounted.
    grep -q " $root/" /proc/self/mountinfo || rm -rf --one-file-system "$root"
}
trap cleanup EXIT

# What apt of this machine uses: its mirror and its trust.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=$out/fresh-$suite.tar
if [ ! -f "$base" ]; then
    mirror=$(apt-cache policy | sed -n "s/^ *500 \(http[^ ]*\) $suite\/main.*/\1/p" | head -n 1)
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${mirror:+"$mirror"} >"$out/debootstrap.log" 2>&1 || {
        tail -n 5 "$out/debootstrap.log"
        echo "debootstrap cannot work here; skipped"
        exit 77
    }
    tar -C "$root" -cf "$base.part" . && mv "$base.part" "$base"
else
    tar -C "$root" -xf "$base"
fi
for file in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d \
    /etc/apt/auth.conf.d /etc/resolv.conf /etc/hosts /usr/local/share/ca-certificates; do
    [ -e "$file" ] && mkdir -p "$root$(dirname "$file")" && cp -rL "$file" "$root$(dirname "$file")/"
done
mount -t proc proc "$root/proc"
for node in null urandom fuse; do
    [ -e "/dev/$node" ] || continue
    [ -e "$root/dev/$node" ] || touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
files_of_system() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./root \) -prune -o -print | sort); }

inside apt-get update -qq
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
[ "$(readlink -f "$root/sbin/mount.fuse.xbucket")" != "" ]
inside test -f /usr/share/man/man1/xbucket.1.gz
inside test -f /usr/share/man/man5/xbucket.conf.5.gz
inside test -f /usr/share/bash-completion/completions/xbucket
inside test -f /usr/share/zsh/vendor-completions/_xbucket
inside test -f /lib/systemd/system/xbucket@.service || inside test -f /usr/lib/systemd/system/xbucket@.service

if [ -e /dev/fuse ]; then
    # README's first minute, in the fresh system.
    python3 - "$top/README.md" >"$root/tmp/tour" <<'PYTHON'
import sys
text = open(sys.argv[1], encoding="utf-8").read().split("### One minute with it", 1)[1].split("\n#", 1)[0]
print("set -eux")
for line in text.splitlines():
    if line.startswith("    "):
        print(line[4:])
PYTHON
    inside bash /tmp/tour >"$out/tour.log" 2>&1 || {
        tail -n 20 "$out/tour.log"
        echo "README's tour does not work in a fresh system"
        exit 1
    }
    grep -q 'user.year="2020"' "$out/tour.log"
    # By mount(8), as fstab would.
    mkdir -p "$root/mnt"
    inside mount -t fuse.xbucket local:/root/buckets /mnt
    inside test -f /mnt/note.txt
    inside xbucket unmount /mnt
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
