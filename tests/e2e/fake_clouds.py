# SPDX-FileCopyrightText: the xbucket authors
"""Loopback fakes of what gives keys: metadata services of ECS and EC2, security token services of
Alibaba Cloud and AWS, a credentials address. Each key that they give is made known to a bucket
server for as long as they say it lives, and not a moment longer. Written from the protocols' texts:
signatures are verified, session tokens are asked for, and what a real service refuses is refused."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import threading
import time
from urllib.parse import parse_qsl, quote, urlsplit

from harness import ACCESS_KEY, SECRET

ROLE = "xbucket-role"
ALIBABA_ROLE = "acs:ram::1234567890:role/photos"
AWS_ROLE = "arn:aws:iam::123456789012:role/photos"
OIDC_PROVIDER = "acs:ram::1234567890:oidc-provider/cluster"
CONTAINER_TOKEN = "planted-container-token"


class Issuer:
    """Makes keys for a bucket server."""

    def __init__(self, server, life=3):
        self.server, self.life, self.issued = server, life, []
        self.lock = threading.Lock()

    def change_keys(self, *lines):
        self.server.control("x-keys", lines)

    def issue(self, life=None):
        """(id, secret, token, expiration as text) of a key that is good from now on."""
        life = life or self.life
        with self.lock:
            number = len(self.issued) + 1
            key = (f"STS.planted{number}", f"planted-secret-{number}", f"planted-token-{number}")
            until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=life)
            self.change_keys(f"add {key[0]} {key[1]} {key[2]} {life}")
            self.issued.append(key)
        return (*key, until.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z")

    def count(self):
        with self.lock:
            return len(self.issued)


class FakeCloud:
    """All services on one loopback port. `broken` is a status that all of them answer with, or None."""

    def __init__(self, issuer, oidc_tokens=None):
        self.issuer, self.oidc_tokens = issuer, oidc_tokens
        self.broken = None
        self.refusals = []  # what a client did wrong
        self.session_tokens = set()
        self.nonces = set()
        cloud = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

            def answer(self, status, text, content_type="application/json"):
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def respond(self):
                body = self.body()
                if cloud.broken:
                    return self.answer(cloud.broken, "{}")
                return self.answer(*cloud.handle(self.command, self.path, self.headers, body))

            do_GET = do_PUT = do_POST = respond

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def refuse(self, status, code):
        self.refusals.append(code)
        return status, json.dumps({"Code": code, "Message": "no", "RequestId": "r"})

    def handle(self, method, path, headers, body):
        if path == "/latest/api/token":
            return self.session(method, headers)
        if path.startswith("/latest/meta-data/"):
            return self.metadata(path, headers)
        if path == "/container":
            if headers.get("Authorization") != CONTAINER_TOKEN:
                return self.refuse(401, "NoAuthorization")
            return 200, self.document("SecretAccessKey", "Token")
        if path == "/keys":
            return 200, self.document("AccessKeySecret", "SecurityToken")
        if method == "POST" and urlsplit(path).path == "/":
            form = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
            if form.get("Version") == "2015-04-01":
                return self.alibaba_sts(form)
            return self.aws_sts(form, headers, body)
        return self.refuse(404, f"NotFound {path}")

    def document(self, secret_name, token_name, **more):
        key, secret, token, until = self.issuer.issue()
        return json.dumps({"Code": "Success", "AccessKeyId": key, secret_name: secret, token_name: token,
                           "Expiration": until, **more})

    # ---- metadata ----

    def session(self, method, headers):
        for cloud in ("aliyun-ecs", "aws-ec2"):
            if method == "PUT" and headers.get(f"X-{cloud}-metadata-token-ttl-seconds") == "21600":
                token = f"session-{cloud}-{len(self.session_tokens)}"
                self.session_tokens.add(token)
                return 200, token
        return self.refuse(400, "NoTtl")

    def metadata(self, path, headers):
        kinds = {"/latest/meta-data/ram/security-credentials/": ("X-aliyun-ecs-metadata-token", "AccessKeySecret",
                                                                 "SecurityToken"),
                 "/latest/meta-data/iam/security-credentials/": ("X-aws-ec2-metadata-token", "SecretAccessKey", "Token")}
        for prefix, (header, secret_name, token_name) in kinds.items():
            if not path.startswith(prefix):
                continue
            if headers.get(header) not in self.session_tokens:
                return self.refuse(401, "NoSessionToken")
            if path == prefix:
                return 200, ROLE
            if path == prefix + ROLE:
                return 200, self.document(secret_name, token_name)
        return self.refuse(404, f"NoSuchRole {path}")

    # ---- token services ----

    def alibaba_sts(self, form):
        if form.get("RoleArn") != ALIBABA_ROLE or not form.get("RoleSessionName"):
            return self.refuse(403, "NoPermission")
        if form.get("Action") == "AssumeRoleWithOIDC":
            if "Signature" in form or form.get("OIDCProviderArn") != OIDC_PROVIDER:
                return self.refuse(400, "InvalidParameter")
            if form.get("OIDCToken") not in self.oidc_tokens():
                return self.refuse(400, "AuthenticationFail.OIDCToken.Expired")
        elif form.get("Action") != "AssumeRole" or not self.is_signed_for_alibaba(form):
            return self.refuse(400, "SignatureDoesNotMatch")
        key, secret, token, until = self.issuer.issue()
        return 200, json.dumps({
            "RequestId": "r", "AssumedRoleUser": {"Arn": ALIBABA_ROLE + "/xbucket"},
            "Credentials": {"AccessKeyId": key, "AccessKeySecret": secret, "SecurityToken": token,
                            "Expiration": until}})

    def secret_of(self, key, token):
        """Of the lasting key, or of one that was given out before with its token."""
        if key == ACCESS_KEY and not token:
            return SECRET
        return next((secret for one, secret, its in self.issuer.issued if (one, its) == (key, token)), None)

    def is_signed_for_alibaba(self, form):
        given = form.pop("Signature", "")
        nonce = form.get("SignatureNonce")
        secret = self.secret_of(form.get("AccessKeyId"), form.get("SecurityToken"))
        if secret is None or not nonce or nonce in self.nonces:
            return False
        self.nonces.add(nonce)
        stamp = datetime.datetime.strptime(form["Timestamp"], "%Y-%m-%dT%H:%M:%SZ")
        if abs(stamp.replace(tzinfo=datetime.timezone.utc).timestamp() - time.time()) > 900:
            return False
        text = "&".join(f"{quote(k, safe='-_.~')}={quote(form[k], safe='-_.~')}" for k in sorted(form))
        mac = hmac.new((secret + "&").encode(), ("POST&%2F&" + quote(text, safe="-_.~")).encode(), hashlib.sha1)
        return base64.b64encode(mac.digest()).decode() == given

    def aws_sts(self, form, headers, body):
        if form.get("Version") != "2011-06-15" or form.get("RoleArn") != AWS_ROLE:
            return self.refuse(403, "AccessDenied")
        action = form.get("Action")
        if action == "AssumeRoleWithWebIdentity":
            if headers.get("Authorization") or form.get("WebIdentityToken") not in self.oidc_tokens():
                return self.refuse(400, "ExpiredTokenException")
        elif action != "AssumeRole" or not self.is_signed_for_aws(headers, body):
            return self.refuse(403, "SignatureDoesNotMatch")
        key, secret, token, until = self.issuer.issue()
        return 200, (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
            f"<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/photos/xbucket</Arn></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{until}</Expiration></Credentials>"
            f"</{action}Result></{action}Response>"), "text/xml"

    def is_signed_for_aws(self, headers, body):
        words = dict(part.strip().split("=", 1)
                     for part in headers.get("Authorization", "").replace("AWS4-HMAC-SHA256 ", "").split(","))
        key, day, region, service, _ = words.get("Credential", "////").split("/")
        names = words.get("SignedHeaders", "").split(";")
        secret = self.secret_of(key, headers.get("x-amz-security-token"))
        if secret is None or service != "sts" or not {"host", "x-amz-date"} <= set(names):
            return False
        canonical = "\n".join(["POST", "/", "", *(f"{name}:{headers[name]}" for name in names), "", ";".join(names),
                               hashlib.sha256(body.encode()).hexdigest()])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], f"{day}/{region}/sts/aws4_request",
                             hashlib.sha256(canonical.encode()).hexdigest()])
        sign_key = ("AWS4" + secret).encode()
        for part in (day, region, "sts", "aws4_request"):
            sign_key = hmac.new(sign_key, part.encode(), hashlib.sha256).digest()
        return hmac.new(sign_key, to_sign.encode(), hashlib.sha256).hexdigest() == words.get("Signature")
