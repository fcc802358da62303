# SPDX-FileCopyrightText: the xbucket authors
# A fresh Debian system in a folder, for the scripts beside this one; sourced. It goes when the script
# ends. Exits 77 (skipped) where none can be made.

# make_fresh OUT: sets $root. What debootstrap makes is kept in OUT as an archive for the next time.
make_fresh() {
    local out=$1 suite base mirror file node
    root=$(mktemp -d "${TMPDIR:-/tmp}/xbucket-fresh.XXXXXX")
    trap remove_fresh EXIT
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
    chmod 755 "$root"  # mktemp's is closed to the system's other users
    mount -t proc proc "$root/proc"
    for node in null urandom fuse; do
        [ -e "/dev/$node" ] || continue
        [ -e "$root/dev/$node" ] || touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    inside apt-get update -qq 2>/dev/null
}

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

remove_fresh() {
    local place
    for place in mnt root/b root/.ccache var/cache/apt/archives dev/fuse dev/null dev/urandom dev/pts proc; do
        mountpoint -q "$root/$place" 2>/dev/null && umount -l "$root/$place"
    done
    # Never into what is still mounted.
    grep -q " $root/" /proc/self/mountinfo || rm -rf --one-file-system "$root"
}
