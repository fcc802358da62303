# SPDX-FileCopyrightText: the xbucket authors
"""TLS: who is believed and who is not, and that nothing is sent to who is not. Certificates are made
by openssl when the tests run; a front speaks TLS and hands everything on to a bucket server."""

import http.server
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest

from front import Front
from harness import ACCESS_KEY, BINARY, SECRET, BucketCase, Mount


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL)


class Certificates:
    """A CA, and what it and others have signed; for localhost unless said otherwise."""

    def __init__(self, folder):
        self.folder = folder
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self["ca.key"], "-out", self["ca.pem"],
                "-subj", "/CN=test CA", "-days", "2")
        self.sign("good", "localhost")
        self.sign("wrong", "elsewhere.example")
        self.sign("expired", "localhost", days="-1")
        self.sign("client", "someone")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self["self.key"], "-out", self["self.pem"],
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")

    def __getitem__(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, host, days="2"):
        with open(self["ext"], "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:{host}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", self[name + ".key"], "-out", self["csr"],
                "-subj", f"/CN={host}")
        openssl("x509", "-req", "-in", self["csr"], "-CA", self["ca.pem"], "-CAkey", self["ca.key"],
                "-CAcreateserial", "-days", days, "-extfile", self["ext"], "-out", self[name + ".pem"])


class TlsCase(BucketCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="xbucket-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.certificates = Certificates(cls.folder)

    def setUp(self):
        super().setUp()
        self.client.put("a", b"hello")

    def front(self, name, version=None, ask_client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version:
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.certificates[name + ".pem"], self.certificates[name + ".key"])
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificates["ca.pem"])
        front = Front(self.server.port, context)
        self.addCleanup(front.stop)
        return front

    def run_stat(self, endpoint, *options, source="oss://examplebucket/a"):
        env = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET)
        return subprocess.run([BINARY, "stat", source, f"--endpoint={endpoint}", "--region=cn-hangzhou",
                               "--timeout=30s", *options], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=300)

    def ca(self):
        return "--ca-bundle=" + self.certificates["ca.pem"]

    def refused(self, front, *options):
        run = self.run_stat(f"https://localhost:{front.port}", *options)
        self.assertNotEqual(run.returncode, 0, run.stdout)
        self.assertNotIn(SECRET, run.stderr)
        self.assertEqual(front.plain_bytes, 0, "something was sent to a server that is not believed")
        return run.stderr


class Certificate(TlsCase):
    def test_one_that_the_given_ca_signed_for_the_host_is_believed(self):
        front = self.front("good")
        run = self.run_stat(f"https://localhost:{front.port}", self.ca())
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("5", run.stdout)

    def test_one_for_another_host_is_refused(self):
        self.assertRegex(self.refused(self.front("wrong"), self.ca()),
                         "(?i)(subject name|host).*use a name that the certificate is for")

    def test_an_expired_one_is_refused(self):
        self.assertRegex(self.refused(self.front("expired"), self.ca()), "(?i)expired.*needs a new certificate")

    def test_a_self_signed_one_is_refused(self):
        self.assertRegex(self.refused(self.front("self")), "(?i)self.signed.*--ca-bundle")

    def test_one_of_a_ca_that_the_system_does_not_know_is_refused(self):
        self.assertRegex(self.refused(self.front("good")), "(?i)certificate.*--ca-bundle")

    def test_tls_1_1_is_refused(self):
        self.assertIn("TLS 1.2", self.refused(self.front("good", version=ssl.TLSVersion.TLSv1_1), self.ca()))

    def test_ca_bundle_that_cannot_be_read_is_said(self):
        front = self.front("good")
        self.assertRegex(self.refused(front, "--ca-bundle=/no/such/file"), "/no/such/file|CA|certificate")

    def test_client_certificate_is_shown_to_a_server_that_asks(self):
        front = self.front("good", ask_client=True)
        self.refused(front, self.ca())
        run = self.run_stat(f"https://localhost:{front.port}", self.ca(),
                            "--client-certificate=" + self.certificates["client.pem"],
                            "--client-key=" + self.certificates["client.key"])
        self.assertEqual(run.returncode, 0, run.stderr)


class Mounts(TlsCase):
    def mounted(self, front, *options):
        mount = Mount("oss://examplebucket", "-o", f"endpoint=https://localhost:{front.port},region=cn-hangzhou",
                      *options)
        self.addCleanup(mount.end)
        return mount

    def test_a_mount_reads_and_writes_over_tls(self):
        mount = self.mounted(self.front("good"), self.ca())
        with open(mount / "b", "w", encoding="ascii") as file:
            file.write("x" * 100000)
        self.assertEqual(self.client.get("b"), b"x" * 100000)
        self.assertNotIn("insecure_tls", mount.said())

    def test_insecure_tls_works_and_every_log_says_so(self):
        front = self.front("self")
        for _ in range(2):
            mount = self.mounted(front, "--insecure-tls")
            with open(mount / "a", encoding="ascii") as file:
                self.assertEqual(file.read(), "hello")
            self.assertIn("event=insecure_tls", mount.said())
            mount.stop()

    def test_plain_http_to_another_machine_needs_a_word_and_is_warned_of(self):
        path = os.path.join(self.scratch.name, "socket")
        front = Front(self.server.port, unix=path)
        self.addCleanup(front.stop)
        options = ["-o", "endpoint=http://examplebucket.example,region=cn-hangzhou,addressing=path",
                   f"--unix-socket={path}"]
        run = subprocess.run([BINARY, "oss://examplebucket", self.scratch.name, "--foreground", *options],
                             capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 1)
        self.assertIn("--allow-http", run.stderr)
        mount = Mount("oss://examplebucket", *options, "--allow-http")
        self.addCleanup(mount.end)
        with open(mount / "a", encoding="ascii") as file:
            self.assertEqual(file.read(), "hello")
        self.assertIn("event=plain_http", mount.said())


class Redirects(TlsCase):
    """A server that sends everybody elsewhere."""

    def elsewhere(self):
        """A server that remembers what it is asked, and its port."""
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def handle_one_request(self):
                line = self.rfile.readline(65536)
                if line:
                    asked.append(line)
                self.close_connection = True

        return self.serve(Handler), asked

    def serve(self, handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_credentials_never_go_to_another_host_that_a_redirect_names(self):
        target, asked = self.elsewhere()
        bodies = {
            301: f"<Error><Code>PermanentRedirect</Code><Endpoint>localhost:{target}</Endpoint></Error>",
            307: f"<Error><Code>TemporaryRedirect</Code><Endpoint>evil.example:{target}</Endpoint></Error>",
            302: "", 308: "",
            403: f"<Error><Code>AccessDenied</Code><Endpoint>localhost:{target}</Endpoint></Error>",
        }
        for status, body in bodies.items():
            with self.subTest(status=status):
                class Handler(http.server.BaseHTTPRequestHandler):
                    def log_message(self, *_):
                        pass

                    def do_GET(self, status=status, body=body):
                        self.send_response(status)
                        self.send_header("Location", f"http://localhost:{target}/examplebucket/a")
                        self.send_header("x-amz-bucket-region", f"localhost:{target}/")
                        data = body.encode()
                        self.send_header("Content-Length", str(len(data)))
                        self.end_headers()
                        if self.command != "HEAD":
                            self.wfile.write(data)

                    do_HEAD = do_GET

                port = self.serve(Handler)
                for source in ("oss://examplebucket/a", "s3://examplebucket/a"):
                    run = self.run_stat(f"http://127.0.0.1:{port}", source=source)
                    self.assertNotEqual(run.returncode, 0)
                    self.assertEqual(asked, [])


if __name__ == "__main__":
    unittest.main()
