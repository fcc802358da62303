#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# A real S3 server for the tests: Ceph's radosgw on a cluster of one monitor and one in-memory OSD.
# Everything listens on 127.0.0.1, on ports that were free, and lives in one folder; no systemd, no
# root needed. Objects are in RAM and gone with `stop`.
#
#   radosgw.sh install            apt-get the three packages (about 65 MB; root)
#   radosgw.sh start DIR          start, make a user and a bucket, print XBUCKET_TEST_S3_* lines
#   radosgw.sh stop DIR           end the daemons by pid and remove what start made
#   radosgw.sh run COMMAND ...    start in a temporary folder, run COMMAND with those lines in its
#                                 environment, stop; gives COMMAND's exit status
#
# Example: tests/servers/radosgw.sh run build/tests/store/store_contract --gtest_filter='*external*'
# What this server does differently from AWS is in the contract's facts (external row, "ceph").
set -euo pipefail
umask 077

say() { echo "radosgw.sh: $*" >&2; }

need_programs() {
    local program
    for program in ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph python3 curl; do
        command -v "$program" >/dev/null && continue
        say "$program is missing; run: $0 install"
        exit 77 # meson's and automake's "skipped"
    done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The cluster trusts whoever reaches it (auth none): then messages must be in crc mode, otherwise
# radosgw never connects. The short paxos interval is what makes pools appear in milliseconds.
write_config() {
    local dir=$1 fsid=$2 mon_port=$3 s3_port=$4
    cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
mon_host = [v2:127.0.0.1:$mon_port]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv4 = true
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_cluster_mode = crc
ms_service_mode = crc
ms_client_mode = crc
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
ms_mon_client_mode = crc
paxos_propose_interval = 0.05
mon_tick_interval = 1
run_dir = $dir/run
admin_socket = $dir/run/\$name.asok
log_file = $dir/log/\$name.log
crash_dir = $dir/log
pid_file =
debug_ms = 0
debug_osd = 0
debug_rgw = 1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 1
mon_data_avail_crit = 0
[mon]
mon_data = $dir/mon
mon_cluster_log_file = $dir/log/cluster.log
[osd]
osd_data = $dir/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_numa_auto_affinity = false
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
[client]
rgw_data = $dir/rgw
rgw_frontends = beast endpoint=127.0.0.1:$s3_port tcp_nodelay=1
rgw_dns_name = localhost
rgw_thread_pool_size = 32
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_run_sync_thread = false
rgw_rados_pool_pg_num_min = 8
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_crypt_require_ssl = false
CONF
}

# Runs a daemon in the foreground of a session of its own, so that a test's Ctrl-C is not its.
launch() {
    local dir=$1 name=$2
    shift 2
    setsid "$@" </dev/null >>"$dir/log/out" 2>&1 &
    echo $! >"$dir/$name.pid"
}

running() { # pid file: whether that process lives and is one of ours
    local pid
    [ -s "$1" ] || return 1
    pid=$(<"$1")
    [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$(dirname "$1")/ceph.conf"
}

stop() {
    local dir=$1 name pid tries
    for name in rgw osd mon; do
        if running "$dir/$name.pid"; then
            pid=$(<"$dir/$name.pid")
            kill "$pid"
            for ((tries = 0; tries < 50; tries++)); do
                kill -0 "$pid" 2>/dev/null || break
                sleep 0.1
            done
            kill -9 "$pid" 2>/dev/null || true
        fi
        rm -f "$dir/$name.pid"
    done
    rm -rf "$dir"/{mon,osd,rgw,run,log,ceph.conf,monmap,environment}
}

give_up() {
    local dir=$1
    shift
    say "$*"
    tail -n 20 "$dir/log/out" >&2 || true
    stop "$dir"
    exit 1
}

await_s3() {
    local dir=$1 url=$2 tries
    for ((tries = 0; tries < 3000; tries++)); do
        curl -s --noproxy "*" -o /dev/null "$url/" && return 0
        # Our own child until it is waited for, so its number is nobody else's; it may not be radosgw yet.
        kill -0 "$(<"$dir/rgw.pid")" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# PutBucket, signed the old way (AWS version 2): it is five lines. The secret comes on stdin.
make_bucket() {
    python3 -c 'import base64, email.utils, hashlib, hmac, sys, urllib.request
url, bucket, key = sys.argv[1:]
date = email.utils.formatdate(usegmt=True)
text = "PUT\n\n\n%s\n/%s" % (date, bucket)
mac = hmac.new(sys.stdin.read().strip().encode(), text.encode(), hashlib.sha1).digest()
headers = {"Date": date, "Authorization": "AWS %s:%s" % (key, base64.b64encode(mac).decode())}
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
direct.open(urllib.request.Request(url + "/" + bucket, method="PUT", headers=headers)).read()' "$@"
}

start() {
    local dir=$1 fsid osd_id mon_port s3_port url key secret
    need_programs
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if [ -e "$dir/ceph.conf" ]; then
        say "$dir is in use; stop it first"
        exit 1
    fi
    mkdir -p "$dir"/{mon,osd,rgw,run,log}
    fsid=$(</proc/sys/kernel/random/uuid)
    osd_id=$(</proc/sys/kernel/random/uuid)
    mon_port=$(free_port)
    s3_port=$(free_port)
    url=http://127.0.0.1:$s3_port
    write_config "$dir" "$fsid" "$mon_port" "$s3_port"
    export CEPH_CONF=$dir/ceph.conf

    monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon_port]" \
        "$dir/monmap" >>"$dir/log/out" 2>&1 || give_up "$dir" "no monitor map"
    ceph-mon -c "$CEPH_CONF" --mkfs -i a --monmap "$dir/monmap" >>"$dir/log/out" 2>&1 ||
        give_up "$dir" "the monitor's store could not be made"
    launch "$dir" mon ceph-mon -c "$CEPH_CONF" -i a -f
    ceph -c "$CEPH_CONF" --connect-timeout 120 osd new "$osd_id" >>"$dir/log/out" 2>&1 ||
        give_up "$dir" "the monitor does not answer"
    ceph-osd -c "$CEPH_CONF" -i 0 --mkfs --osd-uuid "$osd_id" >>"$dir/log/out" 2>&1 ||
        give_up "$dir" "the OSD's store could not be made"
    launch "$dir" osd ceph-osd -c "$CEPH_CONF" -i 0 -f
    launch "$dir" rgw radosgw -c "$CEPH_CONF" -n client.rgw -f
    await_s3 "$dir" "$url" || give_up "$dir" "radosgw does not answer"

    radosgw-admin -c "$CEPH_CONF" user create --uid=contract --display-name=contract \
        >"$dir/run/user.json" 2>>"$dir/log/out" || give_up "$dir" "no user could be made"
    read -r key secret < <(python3 -c 'import json, sys
keys = json.load(open(sys.argv[1]))["keys"][0]
print(keys["access_key"], keys["secret_key"])' "$dir/run/user.json")
    rm "$dir/run/user.json"
    make_bucket "$url" contract "$key" <<<"$secret" 2>>"$dir/log/out" ||
        give_up "$dir" "the bucket could not be made"
    {
        echo "XBUCKET_TEST_S3_ENDPOINT=$url"
        echo "XBUCKET_TEST_S3_KEY=$key"
        echo "XBUCKET_TEST_S3_SECRET=$secret"
        echo "XBUCKET_TEST_S3_BUCKET=contract"
        echo "XBUCKET_TEST_S3_TRAITS=ceph"
    } >"$dir/environment"
    cat "$dir/environment"
}

run() {
    local dir line status=0
    need_programs
    dir=$(mktemp -d "${TMPDIR:-/tmp}/xbucket-radosgw.XXXXXX")
    # shellcheck disable=SC2064 # the folder of now is meant
    trap "stop '$dir'; rm -rf '$dir'" EXIT
    # A port that was free may be somebody's by now: then once more, with others.
    (start "$dir") >/dev/null || start "$dir" >/dev/null
    while read -r line; do export "${line?}"; done <"$dir/environment"
    unset CEPH_CONF
    "$@" || status=$?
    return $status
}

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

case ${1:-} in
install) apt-get install -y --no-install-recommends radosgw ceph-mon ceph-osd ;;
start) start "${2:?start needs a folder}" ;;
stop) stop "$(cd "${2:?stop needs a folder}" && pwd)" ;;
run)
    shift
    [ $# -gt 0 ] || usage
    run "$@"
    ;;
*) usage ;;
esac
