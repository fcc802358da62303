#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# A machine that boots with buckets: a fresh Debian system with the package that run.sh built, under a
# systemd of its own in namespaces. The network comes late; a mount from /etc/fstab, an automount from
# there, the shipped automount unit and the shipped service are there behind it, in the right order;
# and when the machine goes down, what was still to be sent is sent.
#
#   boot.sh BUILD-FOLDER      exits 77 (skipped) where no systemd can be booted
#
# The services are played by `xbucket serve`, which is also what makes the network "online".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=$(realpath "${1:?usage: boot.sh BUILD-FOLDER}")
deb=$(ls "$out"/xbucket_*.deb 2>/dev/null || true)
[ -f "$deb" ] || {
    echo "no package in $out: tests/package/run.sh makes it; skipped"
    exit 77
}
[ "$(id -u)" = 0 ] && [ -e /dev/fuse ] && [ -d /sys/fs/cgroup ] || {
    echo "needs root, /dev/fuse and control groups; skipped"
    exit 77
}
. "$here/fresh.sh"
make_fresh "$out"
cp "$deb" "$root/tmp/"
inside apt-get install -y -qq --no-install-recommends systemd-sysv dbus curl attr "/tmp/$(basename "$deb")" >"$out/boot-install.log" 2>&1 || {
    tail -n 20 "$out/boot-install.log"
    exit 1
}

# ---- what an administrator sets up -----------------------------------------------------------------
write() { mkdir -p "$(dirname "$root$1")" && cat >"$root$1"; }
endpoint=endpoint=http://127.0.0.1:9000
mkdir -p "$root"/srv/buckets/{photos,data,album,notes} "$root"/mnt/{photos,data,album,notes}
for bucket in photos data album notes; do echo "$bucket" >"$root/srv/buckets/$bucket/name.txt"; done
write /etc/systemd/system/services.service <<'UNIT'
[Unit]
Description=What stands for the network and the services behind it
Before=network-online.target
[Service]
Environment=OSS_ACCESS_KEY_ID=bootkey OSS_ACCESS_KEY_SECRET=bootsecret
# Whoever does not wait for it finds nobody.
ExecStartPre=/bin/sleep 3
ExecStart=/usr/bin/xbucket serve /srv/buckets --listen=127.0.0.1:9000 --log=/srv/requests.log
ExecStartPost=/usr/bin/curl -s -o /dev/null --retry 50 --retry-connrefused --retry-delay 1 http://127.0.0.1:9000/
[Install]
WantedBy=network-online.target
UNIT
write /etc/xbucket/photos.credentials <<'KEYS'
[Credentials]
accessKeyID=bootkey
accessKeySecret=bootsecret
KEYS
# Root's own files: a mount unit has no HOME.
write /root/.aws/credentials <<'KEYS'
[default]
aws_access_key_id = bootkey
aws_secret_access_key = bootsecret
KEYS
chmod 600 "$root/etc/xbucket/photos.credentials" "$root/root/.aws/credentials"
# The shipped lines and units; only the service is another.
grep -v -e '^#' -e notes "$top/scripts/systemd/fstab" | sed "s#,region=#,$endpoint,region=#" | write /etc/fstab
for unit in mount automount; do
    sed -e "s/photos/album/g; s#,region=#,$endpoint,region=#; s#album.credentials#photos.credentials#" \
        "$top/scripts/systemd/mnt-photos.$unit" | write "/etc/systemd/system/mnt-album.$unit"
done
write /etc/xbucket/notes.env <<'SETTINGS'
SOURCE=oss://notes
MOUNTPOINT=/mnt/notes
XBUCKET_REGION=cn-hangzhou
XBUCKET_ENDPOINT=http://127.0.0.1:9000
SETTINGS
# A watchdog that bites, should nobody feed it, and lets a busy machine be slow.
write /etc/systemd/system/xbucket@.service.d/watchdog.conf <<'UNIT'
[Service]
WatchdogSec=20
UNIT
write /etc/xbucket.conf <<'SETTINGS'
[oss://notes]
credentials-file = /etc/xbucket/photos.credentials
SETTINGS
write /etc/systemd/system/after.service <<'UNIT'
[Unit]
Description=Whoever comes behind the remote file systems
After=remote-fs.target mnt-photos.mount xbucket@notes.service
Wants=remote-fs.target
[Service]
Type=oneshot
ExecStart=/bin/cat /mnt/photos/name.txt /mnt/notes/name.txt
[Install]
WantedBy=multi-user.target
UNIT
inside systemctl enable -q services.service mnt-album.automount xbucket@notes.service after.service
# What would touch the machine itself, or has nothing to do here.
inside systemctl mask -q systemd-sysctl systemd-udevd systemd-modules-load systemd-binfmt systemd-random-seed \
    systemd-timesyncd getty@tty1 console-getty dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer

# ---- boot --------------------------------------------------------------------------------------------
groups=xbucket-boot-$$
leave_groups() {
    local tree try
    for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
        # Who was killed is a member until the kernel has seen to it.
        for try in $(seq 50); do
            [ -d "$tree/$groups" ] || break
            find "$tree/$groups" -depth -type d -exec rmdir {} \; 2>/dev/null || true
            [ ! -d "$tree/$groups" ] || sleep 0.1
        done
    done
}
machine=
switch_off() { # whatever happened, nothing of it runs on
    [ -z "$machine" ] || kill -KILL "$machine" 2>/dev/null || true
    leave_groups
    remove_fresh
}
trap switch_off EXIT
# Control groups of its own, then a namespace that shows nothing else of them.
(
    for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -e "$tree/cgroup.procs" ] && mkdir "$tree/$groups" 2>/dev/null && echo $BASHPID >"$tree/$groups/cgroup.procs" || true
    done 2>/dev/null
    exec unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup --propagation private \
        bash "$here/boot-inside.sh" "$root"
) >"$out/boot-console.log" 2>&1 &
outer=$!
on() { # on COMMAND...: in the booted system
    timeout 300 nsenter -t "$machine" -m -p -u -i -n -C -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}
for _ in $(seq 600); do
    machine=$(pgrep -P "$outer" || true)
    [ -z "$machine" ] || [ "$(cat "/proc/$machine/comm" 2>/dev/null)" != systemd ] || break
    kill -0 "$outer" 2>/dev/null || break
    sleep 0.1
done
state=
for _ in $(seq 600); do
    state=$(on systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) break ;; esac
    kill -0 "$outer" 2>/dev/null || break
    sleep 0.5
done
[ -n "$state" ] && [ "$state" != offline ] || {
    tail -n 5 "$out/boot-console.log"
    echo "no systemd can be booted here; skipped"
    exit 77
}

# ---- what must be true -------------------------------------------------------------------------------
failures=0
verify() { # verify WHAT COMMAND...
    local what=$1
    shift
    if "$@" >"$out/boot-check.log" 2>&1; then
        echo "ok   $what"
    else
        echo "FAIL $what"
        tail -n 20 "$out/boot-check.log"
        failures=$((failures + 1))
    fi
}
is() { [ "$(on "${@:2}")" = "$1" ]; }
since() { on systemctl show -P ActiveEnterTimestampMonotonic "$1"; }
mounts_of() { on systemctl show -P ActiveState "$1"; }
behind() { [ "$(since "$1")" -gt "$(since "$2")" ]; }

verify "the boot ended, and nothing failed ($state)" test "$state" = running
verify "the fstab line is mounted" is photos cat /mnt/photos/name.txt
verify "it came behind the network" behind mnt-photos.mount network-online.target
verify "the service is up" is active systemctl is-active xbucket@notes
verify "its mount is there" is notes cat /mnt/notes/name.txt
verify "it came behind the network, too" behind xbucket@notes.service network-online.target
verify "what comes behind the mounts found them" is success systemctl show -P Result after.service
verify "the service says what it does" bash -c "$(declare -f on); machine=$machine; on systemctl status xbucket@notes | grep -q 'oss://notes on /mnt/notes'"
verify "it reloads" on systemctl reload xbucket@notes
for name in data album; do
    verify "the automount of $name mounts nothing by itself" test "$(mounts_of "mnt-$name.mount")" = inactive
    verify "but when somebody looks" is "$name" cat "/mnt/$name/name.txt"
    verify "and then it is a mount" is fuse.xbucket findmnt -n -o FSTYPE -t fuse.xbucket "/mnt/$name"
done

fed() { [ "$(on systemctl show -P WatchdogTimestampMonotonic xbucket@notes)" -gt $(($(since xbucket@notes) + 2000000)) ]; }
for _ in $(seq 240); do fed && break || sleep 0.5; done
verify "the service feeds its watchdog" fed
verify "and was never started again" is 0 systemctl show -P NRestarts xbucket@notes

# What is recorded late, a moment before the machine goes down.
for name in photos album notes; do on touch -d '2001-02-03 04:05:06 UTC' "/mnt/$name/name.txt"; done
on systemctl poweroff --no-wall >/dev/null 2>&1 || true
for _ in $(seq 600); do
    kill -0 "$machine" 2>/dev/null || break
    sleep 0.5
done
verify "the machine went down by itself" bash -c "! kill -0 $machine"
machine=
for name in photos album notes; do
    verify "what was still to be sent to $name was sent" bash -c \
        "chroot '$root' env -i HOME=/root xbucket stat --json 'local:/srv/buckets#$name/name.txt' | grep -q 981173106"
done
[ "$failures" = 0 ] || {
    echo "$failures failed; the journal:"
    inside journalctl --no-pager -q -D /var/log/journal 2>/dev/null | tail -n 80
    exit 1
}
