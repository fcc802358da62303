# SPDX-FileCopyrightText: the xbucket authors
"""Starts a bucket server, mounts it with the real binary, and looks at the bucket from outside with
a client of its own. XBUCKET names the binary. Everything started here is ended here, by pid."""

import atexit
import errno
import glob
import http.client
import json
import mmap
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from urllib.parse import quote, urlencode

import signing

BINARY = os.environ.get("XBUCKET", os.path.join(os.path.dirname(__file__), "../../build/src/app/xbucket"))
with open(BINARY, "rb") as binary, mmap.mmap(binary.fileno(), 0, prot=mmap.PROT_READ) as code:
    SANITIZED = any(code.find(name) >= 0 for name in (b"__asan_init", b"__tsan_init"))
ACCESS_KEY = "testkeyid"
SECRET = "testsecret"

# What mounts keep on this machine goes with the tests.
STATE = tempfile.mkdtemp(prefix="xbucket-state-")
atexit.register(shutil.rmtree, STATE, ignore_errors=True)
os.environ["XDG_STATE_HOME"] = STATE

# Much longer than anything takes on a slow and busy machine: they only end what will never come.
PATIENCE = 120
END = 300


def wait_for(condition, seconds=PATIENCE, what="condition"):
    """Polls; for things that other processes do, whose clocks no test can move."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"gave up waiting for {what}")


def waits_in_fuse(pid):
    """Whether a thread of the process waits for a FUSE mount."""
    for wchan in glob.glob(f"/proc/{pid}/task/*/wchan"):
        try:
            with open(wchan, encoding="ascii") as file:
                if re.search("fuse|request|folio", file.read()):
                    return True
        except OSError:
            pass  # that thread has ended
    return False


def free_port():
    """Below those that the kernel gives to connections, so that it stays free."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if error_of(probe.bind, ("127.0.0.1", port)) == "OK":
                return port


def fusermount(*words):
    """As a person would try: whoever looks at all mounts of the machine (`xbucket mounts`, a desktop) makes
    each busy for a moment."""
    def done():
        run = subprocess.run(["fusermount3", *words], capture_output=True, text=True, check=False)
        if run.returncode and "busy" not in run.stderr:
            raise AssertionError(f"fusermount3 {words}: {run.stderr}")
        return run.returncode == 0

    wait_for(done, seconds=30, what="the end of a mount")


def error_of(call, *arguments, **keywords):
    """The name of the errno that a call fails with, or "OK"."""
    try:
        call(*arguments, **keywords)
    except OSError as failure:
        # One number, two names: which of them Python knows it by depends on the build.
        return errno.errorcode[failure.errno].replace("ENOTSUP", "EOPNOTSUPP")
    return "OK"


def read_all(path):
    with open(path, "rb") as file:
        return file.read()


class Server:
    """`xbucket serve` on a directory."""

    access_key, secret = ACCESS_KEY, SECRET

    def __init__(self, directory, *options, token=None, log=None, port=0):
        self.directory, self.token = directory, token
        self.log = log or os.path.join(directory, "..", f"requests-{os.path.basename(directory)}.log")
        env = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET)
        env.pop("OSS_SESSION_TOKEN", None)
        if token:
            env["OSS_SESSION_TOKEN"] = token
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [BINARY, "serve", directory, "--listen", f"127.0.0.1:{port}", "--log", self.log, *options],
            env=env, stdout=self.output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.port = int(wait_for(self._find_port, what="the server's port"))

    def _find_port(self):
        if self.process.poll() is not None:
            self.output.seek(0)
            raise AssertionError("server ended: " + self.output.read().decode())
        self.output.seek(0)
        match = re.search(r"127\.0\.0\.1:(\d+)", self.output.read().decode())
        return match and match.group(1)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def requests(self):
        """All that were answered, and what else came until the log had stood still for a moment:
        programs and mounts ask for more than what somebody waits for."""
        def lines():
            self.settle_log()
            try:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    return [line for line in log if line.endswith("\n")]
            except FileNotFoundError:
                return []

        seen, before = lines(), None
        while seen != before:
            time.sleep(0.1)
            seen, before = lines(), seen
        return [json.loads(line) for line in seen]

    def settle_log(self):
        """A line is written after its reply has gone out: waits for those of all replies so far."""
        try:
            self.control("x-log", ())
        except OSError:
            pass  # the server has ended, or ends, and its log with it

    def set_faults(self, *rules):
        """Replaces the scripted faults (xbucket(1), FAULTS); none ends them."""
        self.control("x-faults", rules)

    def control(self, what, lines):
        """Tells the server itself something, a line each."""
        signed = signing.oss_v4("PUT", "", "", {what: None}, {}, ACCESS_KEY, SECRET, token=self.token)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=END)
        try:
            connection.request("PUT", f"/?{what}", body="\n".join(lines), headers=signed)
            reply = connection.getresponse()
            if reply.status != 200:
                raise AssertionError(f"{what} {lines}: {reply.status} {reply.read()!r}")
        finally:
            connection.close()

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            self.process.wait(timeout=END)
        self.output.close()


class OtherService:
    """A server that somebody else wrote, named by the lines that tests/servers/radosgw.sh prints."""

    def __init__(self):
        self.access_key = os.environ["XBUCKET_TEST_S3_KEY"]
        self.secret = os.environ["XBUCKET_TEST_S3_SECRET"]
        self.endpoint = os.environ["XBUCKET_TEST_S3_ENDPOINT"]
        self.port = int(self.endpoint.rsplit(":", 1)[1])

    @staticmethod
    def is_there():
        return "XBUCKET_TEST_S3_ENDPOINT" in os.environ


class Client:
    """A bucket seen by an independent HTTP client, in one dialect."""

    def __init__(self, dialect, server, bucket):
        self.dialect, self.server, self.bucket = dialect, server, bucket
        self.prefix = "x-oss-" if dialect == "oss" else "x-amz-"

    def request(self, method, key="", query=None, headers=None, body=b""):
        query, headers = dict(query or {}), dict(headers or {})
        path = "/" + self.bucket + "/" + quote(key, safe="/-._~")
        host = f"127.0.0.1:{self.server.port}"
        if self.dialect == "oss":
            signed = signing.oss_v4(method, self.bucket, key, query, headers, self.server.access_key,
                                    self.server.secret)
        else:
            signed = signing.sigv4(method, host, path, query, headers, body, self.server.access_key,
                                   self.server.secret)
            signed.pop("host")
        target = path
        if query:
            target += "?" + urlencode({k: v or "" for k, v in query.items()}, quote_via=quote, safe="-._~")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=END)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in signed.items():
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            connection.send(body)
            reply = connection.getresponse()
            data = reply.read()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, data
        finally:
            connection.close()

    def ok(self, *args, **kwargs):
        status, headers, body = self.request(*args, **kwargs)
        if status // 100 != 2:
            raise AssertionError(f"{args}: {status} {body[:500]!r}")
        return headers, body

    def make_bucket(self):
        self.ok("PUT")

    def put(self, key, body=b"", **headers):
        return self.ok("PUT", key, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)

    def head(self, key):
        return self.ok("HEAD", key)[0]

    def metadata(self, key):
        start = self.prefix + "meta-"
        return {k[len(start):]: v for k, v in self.head(key).items() if k.startswith(start)}

    def get(self, key):
        return self.ok("GET", key)[1]

    def acl(self, key):
        return self.ok("GET", key, query={"acl": None})[1].decode()

    def tags(self, key):
        body = self.ok("GET", key, query={"tagging": None})[1].decode()
        return dict(zip(re.findall("<Key>([^<]*)</Key>", body), re.findall("<Value>([^<]*)</Value>", body)))


class Mount:
    """One foreground mount of a bucket."""

    def __init__(self, source, *options, env=None):
        self.path = tempfile.mkdtemp(prefix="xbucket-mnt-")
        self.errors = tempfile.TemporaryFile()
        full = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET,
                    AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)
        full.update(env or {})
        self.process = subprocess.Popen([BINARY, source, self.path, "--foreground", *options], env=full,
                                        stdin=subprocess.DEVNULL, stdout=self.errors, stderr=subprocess.STDOUT)
        try:
            wait_for(self._up, what="the mount")
        except AssertionError:
            self.stop(signal.SIGKILL)
            raise

    def _up(self):
        if self.process.poll() is not None:
            raise AssertionError("mount ended: " + self.said())
        return os.path.ismount(self.path)

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def kill(self):
        """kill -9, then clears the dead mount point."""
        self.process.kill()
        self.process.wait()
        self.clear()

    def clear(self):
        subprocess.run(["fusermount3", "-u", "-z", "-q", self.path], check=False)

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(timeout=END)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if os.path.ismount(self.path) or self.process.returncode not in (0, None):
            self.clear()
        try:
            os.rmdir(self.path)
        except OSError:
            pass
        return self.process.returncode

    def end(self):
        """Stops, if it still runs, and forgets what it said. No mount asks for what its filter refuses."""
        self.stop()
        refused = [line for line in self.said().splitlines() if "event=syscall_refused" in line]
        self.errors.close()
        if refused:
            raise AssertionError(f"refused by the filter of system calls: {refused}")


def mount_options(dialect, server):
    region = "cn-hangzhou" if dialect == "oss" else "us-east-1"
    return ["-o", f"endpoint={server.endpoint},region={region}"]


class BucketCase(unittest.TestCase):
    """A server, an empty bucket and a client per test; both dialects by subclassing."""

    dialect = "oss"
    server_options = ()
    features = {"encryption", "storage-class"}  # of the service, beyond what all have

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="xbucket-e2e-")
        self.addCleanup(self.scratch.cleanup)
        self.data = os.path.join(self.scratch.name, "data")
        os.mkdir(self.data)
        self.server = Server(self.data, *self.server_options)
        self.addCleanup(self.server.stop)
        self.client = Client(self.dialect, self.server, "examplebucket")
        self.client.make_bucket()

    def mount(self, *options, bucket="examplebucket", env=None):
        mounted = Mount(f"{self.dialect}://{bucket}", *mount_options(self.dialect, self.server), *options, env=env)
        self.addCleanup(mounted.end)
        return mounted

    def count(self, since, key=None):
        """Requests after the first `since`, by kind."""
        kinds = {}
        for entry in self.server.requests()[since:]:
            if key is not None and entry.get("key") != key:
                continue
            kind = entry["method"]
            if kind == "GET" and not entry.get("key") :
                kind = "LIST"
            if kind == "PUT" and entry.get("copy"):
                kind = "COPY"
            kinds[kind] = kinds.get(kind, 0) + 1
        return kinds


class OtherServiceCase(BucketCase):
    """The same on another service, in a bucket of its own."""

    dialect = "s3"
    features = frozenset()

    def setUp(self):
        if not OtherService.is_there():
            self.skipTest("no other service is named (tests/servers/radosgw.sh run ...)")
        self.server = OtherService()
        self.bucket = "e2e-" + os.urandom(6).hex()
        self.client = Client(self.dialect, self.server, self.bucket)
        self.client.make_bucket()
        self.addCleanup(self.remove_bucket)

    def remove_bucket(self):
        while True:
            keys = re.findall("<Key>([^<]*)</Key>", self.client.ok("GET", query={"list-type": "2"})[1].decode())
            if not keys:
                break
            for key in keys:
                self.client.ok("DELETE", key)
        self.client.ok("DELETE")

    def mount(self, *options):
        mounted = Mount(f"s3://{self.bucket}", *mount_options("s3", self.server), *options,
                        env={"AWS_ACCESS_KEY_ID": self.server.access_key, "AWS_SECRET_ACCESS_KEY": self.server.secret})
        self.addCleanup(mounted.end)
        return mounted


def every_service(case):
    """Makes CaseOss, CaseS3 and CaseOther out of a class, in the caller's module."""
    import sys
    both_dialects(case)
    name = case.__name__ + "Other"
    setattr(sys.modules[case.__module__], name, type(name, (case, OtherServiceCase), {"__module__": case.__module__}))
    return case


def both_dialects(case):
    """Makes CaseOss and CaseS3 out of a class, in the caller's module."""
    import sys
    module = sys.modules[case.__module__]
    for dialect in ("oss", "s3"):
        name = case.__name__ + dialect.capitalize()
        setattr(module, name, type(name, (case, BucketCase), {"dialect": dialect, "__module__": case.__module__}))
    return case
