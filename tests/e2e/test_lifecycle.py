# SPDX-FileCopyrightText: the xbucket authors
"""How a mount begins and ends: what the caller is told, what is left behind, what signals do."""

import http.server
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import (ACCESS_KEY, BINARY, SECRET, BucketCase, Mount, Server, both_dialects, free_port, fusermount,
                     mount_options, wait_for)

OK, USAGE, CHANGES_LOST, MOUNT_FAILED = 0, 1, 3, 32


def run(*words, env=None, timeout=300, cwd=None):
    """The binary in the background way: returns when it says how it went."""
    full = {k: v for k, v in os.environ.items() if not k.startswith(("OSS_", "AWS_", "ALIBABA_", "XBUCKET_"))}
    full.update(HOME="/nonexistent", OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET,
                AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    for name, value in (env or {}).items():
        if value is None:
            full.pop(name, None)
        else:
            full[name] = value
    return subprocess.run([os.path.abspath(BINARY), *words], env=full, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, cwd=cwd)


def text_of(path):
    """What a file says; "" while it is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def daemons(mountpoint):
    """Pids of the processes that serve a mount point."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        name = os.path.basename(words[0])
        if name.startswith((b"xbucket", b"mount.fuse.xbucket")) and name != b"xbucket-keeper" and \
                mountpoint.encode() in words:
            found.append(int(pid))
    return found


class MountPoint:
    """A directory to mount on that is clean afterwards whatever happened."""

    def make_mountpoint(self):
        path = tempfile.mkdtemp(prefix="xbucket-mnt-")
        self.addCleanup(self.clean, path)
        return path

    def clean(self, path):
        subprocess.run(["fusermount3", "-u", "-z", "-q", path], check=False)
        for pid in daemons(path):
            try:
                wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), what="the daemon's end")
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(path, ignore_errors=True)

    def unmount(self, path):
        pids = daemons(path)
        self.assertEqual(len(pids), 1)
        fusermount("-u", path)
        wait_for(lambda: not daemons(path), what="the daemon's end")

    def assert_one_sentence(self, result, *parts):
        lines = result.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("xbucket: "), result.stderr)
        for part in parts:
            self.assertIn(part, lines[0])
        self.assertNotIn(SECRET, result.stderr)
        self.assertEqual(result.stdout, "")


@both_dialects
class Begin(MountPoint):
    def setUp(self):
        BucketCase.setUp(self)
        self.mnt = self.make_mountpoint()

    def start(self, *options, bucket="examplebucket", mnt=None, env=None):
        return run(f"{self.dialect}://{bucket}", mnt or self.mnt, *mount_options(self.dialect, self.server),
                   *options, env=env)

    def assert_nothing_left(self):
        self.assertFalse(os.path.ismount(self.mnt))
        wait_for(lambda: not daemons(self.mnt), what="the daemon's end")

    def test_the_parent_returns_when_the_mount_answers(self):
        self.client.put("f.txt", b"x")
        result = self.start()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (OK, "", ""))
        self.assertTrue(os.path.ismount(self.mnt))
        self.assertEqual(os.listdir(self.mnt), ["f.txt"])
        self.unmount(self.mnt)
        self.assertFalse(os.path.ismount(self.mnt))

    def test_a_wrong_secret_is_one_sentence_that_names_the_key(self):
        wrong = {"OSS_ACCESS_KEY_SECRET": "wrong", "AWS_SECRET_ACCESS_KEY": "wrong"}
        result = self.start(env=wrong)
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, ACCESS_KEY, "environment")
        self.assert_nothing_left()

    def test_an_unknown_key_is_one_sentence(self):
        result = self.start(env={"OSS_ACCESS_KEY_ID": "nobody", "AWS_ACCESS_KEY_ID": "nobody"})
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "nobody")
        self.assert_nothing_left()

    def test_a_wrong_bucket_is_named(self):
        result = self.start(bucket="nosuchbucket")
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "'nosuchbucket'", "does not exist")
        self.assert_nothing_left()

    def test_no_credentials_says_what_to_set(self):
        gone = dict.fromkeys(("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "AWS_ACCESS_KEY_ID",
                              "AWS_SECRET_ACCESS_KEY"))
        result = self.start(env=gone)
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "_ACCESS_KEY_ID", "--anonymous")

    def test_an_endpoint_where_nobody_listens_is_named(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        result = self.start("-o", f"endpoint=http://127.0.0.1:{port}")
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, f"http://127.0.0.1:{port}", "cannot reach")
        self.assert_nothing_left()

    def test_an_endpoint_that_hangs_is_given_up(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(64)
            result = self.start("-o", f"endpoint=http://127.0.0.1:{silent.getsockname()[1]},timeout=3")
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "cannot reach")

    def start_at(self, status, headers, body):
        """A mount at a server that answers every request so."""
        class Reply(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(status)
                for name, value in {"Date": self.date_time_string(), **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Reply) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                result = self.start("-o", f"endpoint=http://127.0.0.1:{server.server_port}")
            finally:
                server.shutdown()
                thread.join()
        self.assertEqual(result.returncode, MOUNT_FAILED, result.stderr)
        self.assert_nothing_left()
        return result

    def test_a_web_server_is_no_object_store(self):
        result = self.start_at(200, {}, "<html><body>Welcome to this hotel's network</body></html>")
        self.assert_one_sentence(result, "is --endpoint right?")

    def test_a_wrong_region_is_told_with_the_right_one(self):
        if self.dialect == "oss":
            result = self.start_at(403, {}, "<Error><Code>AccessDenied</Code><Message>The bucket you are attempting to "
                                   "access must be addressed using the specified endpoint.</Message>"
                                   "<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint></Error>")
            self.assert_one_sentence(result, "but at oss-cn-beijing.aliyuncs.com", "--region")
        else:
            result = self.start_at(301, {"x-amz-bucket-region": "eu-west-1"}, "<Error><Code>PermanentRedirect</Code>"
                                   "<Message>-</Message><Region>eu-west-1</Region></Error>")
            self.assert_one_sentence(result, "but at eu-west-1", "--region")

    def test_a_wrong_clock_is_told_with_the_services(self):
        result = self.start_at(403, {"Date": "Wed, 15 Nov 2023 22:13:20 GMT"},
                               "<Error><Code>RequestTimeTooSkewed</Code><Message>-</Message></Error>")
        self.assert_one_sentence(result, "this machine's clock", "Wed, 15 Nov 2023 22:13:20 GMT", "set it right")

    def test_a_token_that_has_expired_is_told(self):
        status, code = (403, "SecurityTokenExpired") if self.dialect == "oss" else (400, "ExpiredToken")
        result = self.start_at(status, {}, f"<Error><Code>{code}</Code><Message>-</Message></Error>")
        self.assert_one_sentence(result, "has expired; get a new one")

    def test_a_key_that_may_not_list_is_told(self):
        result = self.start_at(403, {}, "<Error><Code>AccessDenied</Code><Message>-</Message></Error>")
        self.assert_one_sentence(result, ACCESS_KEY, "ListObjects")

    def test_a_missing_mountpoint_is_explained(self):
        result = self.start(mnt=os.path.join(self.mnt, "none"))
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "mkdir -p")

    def test_a_file_is_no_mountpoint(self):
        path = os.path.join(self.scratch.name, "file")
        open(path, "w").close()
        result = self.start(mnt=path)
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "no directory")

    def test_a_living_mount_is_not_covered_by_another(self):
        self.assertEqual(self.start().returncode, OK)
        result = self.start()
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "already mounted")
        self.unmount(self.mnt)

    def test_a_dead_mountpoint_is_cleaned_by_the_next_mount(self):
        self.client.put("f.txt", b"x")
        self.assertEqual(self.start().returncode, OK)
        [pid] = daemons(self.mnt)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not daemons(self.mnt), what="the daemon's death")
        with self.assertRaises(OSError):
            os.listdir(self.mnt)
        result = self.start()
        self.assertEqual((result.returncode, result.stderr), (OK, ""))
        self.assertEqual(os.listdir(self.mnt), ["f.txt"])
        self.unmount(self.mnt)

    def test_a_prefix_is_the_root_of_the_mount(self):
        self.client.put("a/b/c.txt", b"in")
        self.client.put("out.txt", b"out")
        result = run(f"{self.dialect}://examplebucket/a/b", self.mnt, *mount_options(self.dialect, self.server))
        self.assertEqual(result.returncode, OK, result.stderr)
        self.assertEqual(os.listdir(self.mnt), ["c.txt"])
        os.setxattr(os.path.join(self.mnt, "c.txt"), "user.k", b"v")
        self.assertEqual(self.client.metadata("a/b/c.txt"), {"k": "v"})
        self.unmount(self.mnt)

    def test_read_only_mounts_refuse_writes(self):
        self.client.put("f.txt", b"x")
        self.assertEqual(self.start("-o", "ro").returncode, OK)
        path = os.path.join(self.mnt, "f.txt")
        for change in (lambda: os.setxattr(path, "user.k", b"v"), lambda: open(path, "w"),
                       lambda: os.unlink(path), lambda: os.mkdir(path + "d")):
            with self.assertRaisesRegex(OSError, "Read-only file system"):
                change()
        self.assertEqual(self.client.metadata("f.txt"), {})
        self.unmount(self.mnt)

    def test_settings_come_from_environment_and_file_too(self):
        conf = os.path.join(self.scratch.name, "xbucket.conf")
        with open(os.open(conf, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"region = cn-hangzhou\nendpoint = http://127.0.0.1:1\n[{self.dialect}://examplebucket]\nro = yes\n")
        result = run(f"{self.dialect}://examplebucket", self.mnt, "--config", conf,
                     env={"XBUCKET_ENDPOINT": self.server.endpoint})
        self.assertEqual(result.returncode, OK, result.stderr)
        self.assertTrue(os.statvfs(self.mnt).f_flag & os.ST_RDONLY)
        self.unmount(self.mnt)


@both_dialects
class Run(MountPoint):
    def setUp(self):
        BucketCase.setUp(self)

    def test_sigterm_sends_what_is_pending_and_exits_0(self):
        mount = self.mount()
        with open(mount / "closed.txt", "w") as file:
            file.write("closed")
        os.chmod(mount / "closed.txt", 0o600)
        held = open(mount / "open.txt", "w")
        held.write("not closed yet")
        held.flush()
        os.setxattr(mount / "open.txt", "user.k", b"v")
        mount.process.send_signal(signal.SIGTERM)
        self.assertEqual(mount.process.wait(timeout=300), OK, mount.said())
        try:
            held.close()
        except OSError:
            pass
        self.assertFalse(os.path.ismount(mount.path))
        self.assertEqual(int(self.client.metadata("closed.txt")["mode"]) & 0o777, 0o600)
        self.assertEqual(self.client.get("open.txt"), b"not closed yet")
        self.assertEqual(self.client.metadata("open.txt")["k"], "v")

    def test_sigint_unmounts_too(self):
        mount = self.mount()
        mount.process.send_signal(signal.SIGINT)
        self.assertEqual(mount.process.wait(timeout=300), OK, mount.said())
        self.assertFalse(os.path.ismount(mount.path))

    def test_pending_changes_that_cannot_be_sent_are_said_by_log_and_exit_code(self):
        mount = self.mount("-o", "timeout=2")
        held = open(mount / "lost.txt", "w")
        held.write("data")
        held.flush()
        self.server.stop()
        mount.process.send_signal(signal.SIGTERM)
        self.assertEqual(mount.process.wait(timeout=300), CHANGES_LOST, mount.said())
        self.assertIn("changes_not_sent", mount.said())
        try:
            held.close()
        except OSError:
            pass

    def test_content_whose_upload_failed_is_kept_in_private_and_the_next_mount_says_so(self):
        state = os.path.join(self.scratch.name, "state")
        self.server.stop()
        self.server = Server(self.data, port=free_port())  # which no other has taken when it comes back
        self.addCleanup(self.server.stop)
        arguments = (f"{self.dialect}://examplebucket", *mount_options(self.dialect, self.server), "-o", "timeout=2")
        mount = Mount(*arguments, env={"XDG_STATE_HOME": state})
        self.addCleanup(mount.end)
        held = open(mount / "lost.txt", "w")
        held.write("the only copy")
        held.flush()
        self.server.stop()
        self.assertEqual(mount.stop(), CHANGES_LOST, mount.said())
        try:
            held.close()
        except OSError:
            pass
        [kept] = [os.path.join(folder, name) for folder, _, names in os.walk(state) for name in names
                  if not name.endswith(".json")]
        self.assertIn(kept, mount.said())
        self.assertEqual(text_of(kept), "the only copy")
        self.assertIn("lost.txt", text_of(kept + ".json"))
        for path in (kept, kept + ".json", os.path.dirname(kept), os.path.dirname(os.path.dirname(kept))):
            self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)
        self.server = Server(self.data, port=self.server.port)
        self.addCleanup(self.server.stop)
        again = Mount(*arguments, env={"XDG_STATE_HOME": state})
        self.addCleanup(again.end)
        self.assertIn("event=kept_files count=1", again.said())
        self.assertIn(os.path.dirname(kept), again.said())

    def test_a_spool_that_others_could_write_to_is_refused(self):
        mnt = self.make_mountpoint()
        words = [f"{self.dialect}://examplebucket", mnt, *mount_options(self.dialect, self.server)]
        result = run(*words, "--spool=/tmp")
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "the spool directory /tmp", "give a directory of your own with --spool")

    def test_a_read_only_mount_needs_no_place_to_write(self):
        self.client.put("f.txt", b"x")
        mnt = self.make_mountpoint()
        words = [f"{self.dialect}://examplebucket", mnt, *mount_options(self.dialect, self.server)]
        nowhere = {"XDG_STATE_HOME": "/proc/none"}
        result = run(*words, env=nowhere)
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "/proc/none", "--spool")
        result = run(*words, "--ro", env=nowhere)
        self.assertEqual((result.returncode, result.stderr), (OK, ""))
        self.assertEqual(text_of(os.path.join(mnt, "f.txt")), "x")
        self.unmount(mnt)

    def test_secrets_are_in_no_place_that_others_see(self):
        mount = self.mount("--debug")
        self.client.put("f.txt", b"x")
        os.getxattr(mount / "f.txt", "user.object.url")
        pid = mount.process.pid
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                self.assertNotIn(SECRET.encode(), file.read())
        with open(f"/proc/{pid}/limits", encoding="utf-8") as file:
            core = [line for line in file if line.startswith("Max core file size")][0].split()
        self.assertEqual(core[4], "0")
        mount.stop()
        # The harness's own words show the secret nowhere else than here.
        self.assertNotIn(SECRET, mount.said())
        self.assertNotIn("Signature=", mount.said())

    def test_sighup_reopens_the_log(self):
        log = os.path.join(self.scratch.name, "log")
        mount = self.mount("--log", log)
        wait_for(lambda: "event=mounted" in text_of(log), what="the log")
        os.rename(log, log + ".1")
        mount.process.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), what="the new log")
        mount.stop()
        self.assertIn("event=unmounted", text_of(log))

    def test_a_mount_helper_takes_what_mount_8_passes(self):
        helper = os.path.join(self.scratch.name, "mount.fuse.xbucket")
        os.symlink(os.path.abspath(BINARY), helper)
        mnt = self.make_mountpoint()
        options = f"rw,noexec,nosuid,nodev,user,nofail,_netdev,endpoint={self.server.endpoint},region=cn-hangzhou"
        environment = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET,
                           AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)
        subprocess.run([helper, f"{self.dialect}://examplebucket", mnt, "-n", "-o", options],
                       env=environment, check=True, timeout=300)
        self.assertTrue(os.path.ismount(mnt))
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            [line] = [line for line in file if line.split()[4] == mnt]
        self.assertIn("noexec", line.split()[5])
        self.assertIn(f"fuse.xbucket {self.dialect}://examplebucket", line)
        self.unmount(mnt)


class Token(MountPoint, unittest.TestCase):
    """Temporary keys: the server takes only requests that carry its token."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="xbucket-e2e-")
        self.addCleanup(self.scratch.cleanup)
        data = os.path.join(self.scratch.name, "data")
        os.makedirs(os.path.join(data, "examplebucket"))
        self.server = Server(data, token="thetoken")
        self.addCleanup(self.server.stop)
        self.mnt = self.make_mountpoint()

    def check(self, dialect, variable):
        source, options = f"{dialect}://examplebucket", mount_options(dialect, self.server)
        for env in ({}, {variable: "another"}):
            result = run(source, self.mnt, *options, env=env)
            self.assertEqual(result.returncode, MOUNT_FAILED)
            self.assert_one_sentence(result)
            self.assertNotIn("another", result.stderr)
        result = run(source, self.mnt, *options, env={variable: "thetoken"})
        self.assertEqual(result.returncode, OK, result.stderr)
        path = os.path.join(self.mnt, "f")
        open(path, "w").close()
        os.setxattr(path, "user.k", b"v")
        self.unmount(self.mnt)

    def test_oss_token_from_the_environment(self):
        self.check("oss", "OSS_SESSION_TOKEN")

    def test_s3_token_from_the_environment(self):
        self.check("s3", "AWS_SESSION_TOKEN")

    def test_a_token_in_the_file_is_read_again_when_it_changes(self):
        home = tempfile.mkdtemp(dir=self.scratch.name)
        path = os.path.join(home, ".ossutilconfig")

        def write(token):
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"[Credentials]\naccessKeyID={ACCESS_KEY}\naccessKeySecret={SECRET}\nstsToken={token}\n")

        gone = {"OSS_ACCESS_KEY_ID": None, "OSS_ACCESS_KEY_SECRET": None, "AWS_ACCESS_KEY_ID": None,
                "AWS_SECRET_ACCESS_KEY": None, "HOME": home}
        write("old")
        words = ["oss://examplebucket", self.mnt, *mount_options("oss", self.server)]
        self.assertEqual(run(*words, env=gone).returncode, MOUNT_FAILED)
        write("thetoken")
        self.assertEqual(run(*words, env=gone).returncode, OK)
        self.unmount(self.mnt)

    def test_a_variable_may_name_a_file_from_where_the_caller_stands(self):
        home = tempfile.mkdtemp(dir=self.scratch.name)
        with open(os.open(os.path.join(home, "keys"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"[default]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET}\n"
                       "aws_session_token=thetoken\n")
        env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "OSS_ACCESS_KEY_ID": None,
               "OSS_ACCESS_KEY_SECRET": None, "AWS_SHARED_CREDENTIALS_FILE": "keys", "AWS_EC2_METADATA_DISABLED": "true"}
        result = run("s3://examplebucket", self.mnt, *mount_options("s3", self.server), env=env, cwd=home)
        self.assertEqual(result.returncode, OK, result.stderr)
        self.unmount(self.mnt)

    def test_an_endpoint_that_no_option_gave_is_said_to_come_from_elsewhere(self):
        result = run("oss://examplebucket", self.mnt, env={"OSS_ENDPOINT": "http://oss.example.com"})
        self.assertNotEqual(result.returncode, OK)
        self.assert_one_sentence(result, "the endpoint that the environment or a file of keys names", "--allow-http")


class Local(MountPoint, unittest.TestCase):
    """local:DIR, which needs no account and no server of anybody's."""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="xbucket-e2e-")
        self.addCleanup(self.scratch.cleanup)
        self.buckets = os.path.join(self.scratch.name, "buckets")
        self.mnt = self.make_mountpoint()

    def test_an_empty_folder_gets_a_bucket_and_keeps_what_is_written_in_both_dialects(self):
        for dialect in ("oss", "s3"):
            result = run(f"local:{self.buckets}", self.mnt, "-o", f"dialect={dialect}")
            self.assertEqual((result.returncode, result.stderr), (OK, ""))
            path = os.path.join(self.mnt, f"{dialect}.txt")
            with open(path, "w") as file:
                file.write(dialect)
            os.setxattr(path, "user.k", dialect.encode())
            self.unmount(self.mnt)
        self.assertEqual(run(f"local:{self.buckets}", self.mnt).returncode, OK)
        self.assertEqual(sorted(os.listdir(self.mnt)), ["oss.txt", "s3.txt"])
        self.assertEqual(os.getxattr(os.path.join(self.mnt, "s3.txt"), "user.k"), b"s3")
        self.unmount(self.mnt)

    def test_plain_files_in_a_folder_are_objects(self):
        os.makedirs(os.path.join(self.buckets, "photos", "2024"))
        with open(os.path.join(self.buckets, "photos", "2024", "a.txt"), "w") as file:
            file.write("plain")
        self.assertEqual(run(f"local:{self.buckets}#photos", self.mnt).returncode, OK)
        with open(os.path.join(self.mnt, "2024", "a.txt")) as file:
            self.assertEqual(file.read(), "plain")
        self.unmount(self.mnt)

    def test_several_buckets_ask_for_a_choice(self):
        for name in ("one", "two"):
            os.makedirs(os.path.join(self.buckets, name))
        result = run(f"local:{self.buckets}", self.mnt)
        self.assertEqual(result.returncode, USAGE)
        self.assert_one_sentence(result, "2 buckets", "#one")
        result = run(f"local:{self.buckets}#three", self.mnt)
        self.assertEqual(result.returncode, MOUNT_FAILED)
        self.assert_one_sentence(result, "no bucket 'three'")

    def test_relative_paths_are_the_callers(self):
        os.mkdir(self.buckets)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.scratch.name)
        binary = BINARY if os.path.isabs(BINARY) else os.path.join(here, BINARY)
        os.mkdir("mnt")
        self.addCleanup(self.clean, os.path.join(self.scratch.name, "mnt"))
        subprocess.run([binary, "local:buckets", "mnt", "--log=log"], check=True, timeout=300,
                       stdin=subprocess.DEVNULL)
        self.assertTrue(os.path.ismount("mnt"))
        self.assertTrue(os.path.exists("log"))
        fusermount("-u", "mnt")
        wait_for(lambda: "event=unmounted" in text_of("log"), what="the daemon's end")

    def test_two_mounts_of_one_folder_see_each_others_changes(self):
        other = self.make_mountpoint()
        for mnt in (self.mnt, other):
            self.assertEqual(run(f"local:{self.buckets}", mnt, "-o", "ttl=0,negative_ttl=0").returncode, OK)
        with open(os.path.join(self.mnt, "f"), "w") as file:
            file.write("x")
        os.setxattr(os.path.join(self.mnt, "f"), "user.a", b"1")
        os.setxattr(os.path.join(other, "f"), "user.b", b"2")
        self.unmount(self.mnt)
        self.assertEqual(os.getxattr(os.path.join(other, "f"), "user.a"), b"1")
        self.unmount(other)


class Words(unittest.TestCase):
    """What the binary says without mounting anything."""

    def test_help_teaches_and_version_is_short(self):
        result = run("--help")
        self.assertEqual((result.returncode, result.stderr), (OK, ""))
        for word in ("oss://", "s3://", "local:", "setfattr", "fstab", "--region"):
            self.assertIn(word, result.stdout)
        self.assertRegex(run("--version").stdout, r"^xbucket \d+\.\d+\.\d+\n$")
        self.assertIn("--listen", run("serve", "--help").stdout)

    def test_wrong_words_exit_1_with_one_sentence(self):
        for words in (["oss://bucket"], ["nonsense", "/mnt"], ["oss://bucket", "/mnt", "--no-such"],
                      ["oss://bucket", "/mnt", "-o", "ttl=soon"], ["oss://bucket", "/mnt", "-o", "commit=5"],
                      ["serve"], ["serve", "/tmp", "--error-rate=2"]):
            result = run(*words)
            self.assertEqual(result.returncode, USAGE, words)
            self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
            self.assertTrue(result.stderr.startswith("xbucket: "))

    def test_an_oss_source_without_a_place_asks_for_the_region(self):
        with tempfile.TemporaryDirectory() as directory:
            result = run("oss://examplebucket", directory)
        self.assertEqual(result.returncode, USAGE)
        self.assertIn("--region", result.stderr)

    def test_serve_makes_and_prints_a_key_pair_when_none_is_given(self):
        with tempfile.TemporaryDirectory() as directory:
            env = {k: v for k, v in os.environ.items() if not k.startswith("OSS_")}
            process = subprocess.Popen([BINARY, "serve", directory], env=env, stdout=subprocess.PIPE, text=True)
            first, second = process.stdout.readline(), process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=300), OK)
            process.stdout.close()
        self.assertRegex(first, r"http://127\.0\.0\.1:\d+")
        self.assertRegex(second, r"^export OSS_ACCESS_KEY_ID=\S+ OSS_ACCESS_KEY_SECRET=\S+\n$")
