#!/bin/bash
# SPDX-FileCopyrightText: the xbucket authors
# Other people's clients against `xbucket serve`: ali-oss (V1 and V4 signatures, with and without an
# STS token), @aws-sdk/client-s3, rclone; and, where /dev/fuse can be used, against a mount of the
# same bucket (what an SDK writes is what getfattr shows, and the other way round).
#
#   npm ci --ignore-scripts       once, in this folder
#   run.sh XBUCKET [PART ...]     PART: oss s3 rclone mount (all unless given)
#
# Every check prints "ok NAME" or "FAIL NAME: why"; each part ends with "N passed, N failed". Exits 0
# when nothing failed, 77 (skipped) when node's modules are not installed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
xbucket=${1:?usage: run.sh XBUCKET [oss|s3|rclone|mount ...]}
shift
parts=${*:-oss s3 rclone mount}
if [ ! -d "$here/node_modules/ali-oss" ]; then
    echo "run.sh: no node_modules; run: (cd $here && npm ci --ignore-scripts)" >&2
    exit 77
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/xbucket-sdk.XXXXXX")
server=
failed=0
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

export SDK_KEY=sdk-test-key SDK_SECRET=sdk-test-secret SDK_BUCKET=examplebucket SDK_REGION=cn-hangzhou
# Clients must reach the server itself, and take no credentials from the person who runs this.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY AWS_CA_BUNDLE AWS_PROFILE \
    AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
export HOME=$work/home
mkdir "$HOME"

# start TOKEN: a fresh server whose requests must carry TOKEN ("" = none); sets SDK_ENDPOINT.
start() {
    local tries
    stop
    export SDK_TOKEN=$1
    rm -rf "$work/data"
    mkdir -p "$work/data/$SDK_BUCKET"
    # The background shell opens it later than it is read here: no address of the server before.
    : >"$work/serve.out"
    OSS_ACCESS_KEY_ID=$SDK_KEY OSS_ACCESS_KEY_SECRET=$SDK_SECRET OSS_SESSION_TOKEN=$SDK_TOKEN \
        "$xbucket" serve "$work/data" --listen 127.0.0.1:0 >"$work/serve.out" 2>"$work/serve.err" &
    server=$!
    for ((tries = 0; tries < 1200; tries++)); do
        SDK_ENDPOINT=$(sed -n 's/.* at \(http:[^ ]*\)$/\1/p' "$work/serve.out")
        [ -z "$SDK_ENDPOINT" ] || break
        if ! kill -0 "$server" 2>/dev/null; then
            echo "run.sh: the server did not start:" >&2
            cat "$work/serve.err" >&2
            exit 1
        fi
        sleep 0.1
    done
    if [ -z "$SDK_ENDPOINT" ]; then
        echo "run.sh: the server does not say where it is" >&2
        exit 1
    fi
    # ali-oss makes up a Host for a numeric address.
    export SDK_ENDPOINT=${SDK_ENDPOINT/127.0.0.1/localhost}
}

stop() {
    [ -n "$server" ] || return 0
    kill "$server"
    wait "$server" || true
    server=
}

part() { # heading, command ...
    echo "== $1"
    shift
    "$@" || failed=1
}

for name in $parts; do
    case $name in
    oss)
        for token in '' sts-token-of-the-test; do
            start "$token"
            for signature in v1 v4; do
                part "ali-oss $signature${token:+ with an STS token}" \
                    env SDK_SIGNATURE=$signature node --no-warnings "$here/oss.js"
            done
        done
        ;;
    s3)
        for token in '' sts-token-of-the-test; do
            start "$token"
            part "@aws-sdk/client-s3${token:+ with a session token}" node --no-warnings "$here/s3.js"
        done
        ;;
    rclone)
        if command -v rclone >/dev/null; then
            start ''
            part rclone bash "$here/rclone.sh" "$work"
        else
            echo "== rclone: not installed, skipped"
        fi
        ;;
    mount)
        if [ -w /dev/fuse ]; then
            start ''
            part 'SDKs and a mount' node --no-warnings "$here/mount.js" "$xbucket" "$work"
        else
            echo "== mount: /dev/fuse cannot be used here, skipped"
        fi
        ;;
    *)
        echo "run.sh: no part '$name'" >&2
        exit 2
        ;;
    esac
done
exit $failed
