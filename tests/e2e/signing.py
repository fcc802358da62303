# SPDX-FileCopyrightText: the xbucket authors
"""Request signing in plain Python, written from the protocol's text and not from xbucket's code, so
that the end-to-end tests look at a bucket through other eyes: OSS V4 and AWS SigV4, header form."""

import datetime
import hashlib
import hmac
from urllib.parse import quote

UNRESERVED = "-._~"


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _encode(text, safe=""):
    return quote(text, safe=UNRESERVED + safe)


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def oss_v4(method, bucket, key, query, headers, access_key, secret, token=None,
           region="cn-hangzhou"):
    """Returns the headers to send. `query` is a dict; None stands for a key without value."""
    stamp = _now()
    signed = {name.lower(): value for name, value in headers.items()}
    signed["x-oss-date"] = stamp
    signed["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD"
    if token:
        signed["x-oss-security-token"] = token
    path = "/" + (bucket + "/" + key if bucket else "")
    pairs = sorted((_encode(k), None if v in (None, "") else _encode(v)) for k, v in query.items())
    canonical_query = "&".join(k if v is None else f"{k}={v}" for k, v in pairs)
    names = sorted(n for n in signed
                   if n.startswith("x-oss-") or n in ("content-type", "content-md5"))
    canonical = "\n".join([
        method, _encode(path, "/"), canonical_query,
        "".join(f"{n}:{signed[n].strip()}\n" for n in names), "", "UNSIGNED-PAYLOAD"])
    scope = f"{stamp[:8]}/{region}/oss/aliyun_v4_request"
    to_sign = "\n".join(["OSS4-HMAC-SHA256", stamp, scope,
                         hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()])
    sign_key = ("aliyun_v4" + secret).encode()
    for part in (stamp[:8], region, "oss", "aliyun_v4_request"):
        sign_key = _mac(sign_key, part)
    signature = hmac.new(sign_key, to_sign.encode(), hashlib.sha256).hexdigest()
    signed["authorization"] = (f"OSS4-HMAC-SHA256 Credential={access_key}/{scope},"
                               f"Signature={signature}")
    return signed


def sigv4(method, host, path, query, headers, body, access_key, secret, token=None,
          region="us-east-1"):
    """`path` is the encoded path as sent."""
    stamp = _now()
    signed = {name.lower(): value for name, value in headers.items()}
    signed["host"] = host
    signed["x-amz-date"] = stamp
    signed["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
    if token:
        signed["x-amz-security-token"] = token
    pairs = sorted((_encode(k), _encode(v or "")) for k, v in query.items())
    names = sorted(signed)
    canonical = "\n".join([
        method, path, "&".join(f"{k}={v}" for k, v in pairs),
        "".join(f"{n}:{' '.join(signed[n].split())}\n" for n in names), ";".join(names),
        signed["x-amz-content-sha256"]])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                         hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()])
    sign_key = ("AWS4" + secret).encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        sign_key = _mac(sign_key, part)
    signature = hmac.new(sign_key, to_sign.encode(), hashlib.sha256).hexdigest()
    signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},"
                               f"SignedHeaders={';'.join(names)},Signature={signature}")
    return signed
