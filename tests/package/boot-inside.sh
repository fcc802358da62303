#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# boot-inside.sh ROOT: in namespaces of its own, makes of a folder what systemd(1) expects of a container
# ("The Container Interface"), and becomes systemd there.
set -eu
root=$1
mount --bind "$root" "$root"
umount "$root/dev/fuse" "$root/dev/null" "$root/dev/urandom" "$root/proc" 2>/dev/null || true
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty fuse autofs; do
    [ -e "/dev/$node" ] || continue
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/unified"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified" 2>/dev/null || true
fi
mkdir -p "$root/var/log/journal"
exec chroot "$root" env -i container=xbucket-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-level=info
