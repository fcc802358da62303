# SPDX-FileCopyrightText: the xbucket authors
"""What an administrator relies on: settings by bucket, SIGHUP, metrics, systemd's protocol and units."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from harness import ACCESS_KEY, BINARY, SECRET, BucketCase, free_port, mount_options, wait_for

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"


class Settings(BucketCase):
    def config(self, text):
        path = os.path.join(self.scratch.name, "xbucket.conf")
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
        return path

    def test_sections_hold_for_their_bucket_and_what_lies_below(self):
        self.client.put("2024/f", b"x")
        config = self.config("file_mode = 0600\n[oss://examplebucket]\nfile_mode = 0640\ndir_mode = 0750\n"
                             "[oss://examplebucket/2024]\nfile_mode = 0400\n[oss://other]\nfile_mode = 0777\n")
        whole = self.mount("--config", config)
        below = self.mount("--config", config, bucket="examplebucket/2024")
        self.assertEqual(os.stat(whole / "2024/f").st_mode & 0o777, 0o640)
        self.assertEqual(os.stat(below / "f").st_mode & 0o777, 0o400)
        self.assertEqual(os.stat(below.path).st_mode & 0o777, 0o750)

    def test_sighup_takes_over_log_levels_and_names_what_must_wait(self):
        config = self.config("log_level = info\nttl = 60s\n")
        log = os.path.join(self.scratch.name, "log")
        mounted = self.mount("--config", config, "--log", log)

        def said(pattern):
            with open(log, encoding="utf-8") as file:
                return re.search(pattern, file.read())
        self.assertIsNone(said(" debug "))
        self.config("log_level = info,fuse=debug,fs=debug,meta=debug,store=debug,http=debug\nttl = 5s\n")
        mounted.process.send_signal(signal.SIGHUP)
        line = wait_for(lambda: said("event=reloaded.*"), what="the reload")[0]
        self.assertIn("need_new_mount=ttl", line)
        self.client.put("f", b"x")
        os.setxattr(mounted.path, "user.xbucket.refresh", b"1")
        os.stat(mounted / "f")
        self.config("log_level = loud\n")
        mounted.process.send_signal(signal.SIGHUP)
        wait_for(lambda: said("event=not_reloaded.*loud"), what="the complaint")
        self.assertEqual(os.listdir(mounted.path), ["f"])
        # A rotated log is opened anew.
        os.rename(log, log + ".1")
        mounted.process.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), what="the new log")

    def test_a_wrong_level_names_levels_and_components(self):
        done = subprocess.run([BINARY, "local:" + self.scratch.name, self.scratch.name, "--log-level=info,htp=debug"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)
        self.assertIn("htp=debug", done.stderr)
        self.assertIn("http", done.stderr)


METRIC = re.compile(r'^[a-z_]+\{source="[^"]*"(,[a-z]+="[^"]*")*\} -?[0-9.e+]+$')


class Metrics(BucketCase):
    def judge(self, text):
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        self.assertGreater(len(lines), 15)
        for line in lines:
            self.assertRegex(line, METRIC)
        # One TYPE for each name, in front of it: what Prometheus insists on.
        types = re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", text, re.M)
        self.assertEqual(len(types), len(set(types)))
        self.assertEqual(set(types), {line.split("{")[0] for line in lines})
        # And what each one is, in words; what counts events says so by its name.
        self.assertEqual(set(re.findall(r"^# HELP (\S+) [A-Z1].*\.$", text, re.M)), set(types))
        for kind, name in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
            self.assertEqual(kind.endswith("_total"), name == "counter", kind)
        self.assertRegex(text, r'(?m)^xbucket_requests_total\{source="oss://examplebucket",kind="LIST"\} [1-9]')
        self.assertRegex(text, r"(?m)^# TYPE xbucket_uptime_seconds gauge$")

    def test_on_a_port_of_this_machine(self):
        port = free_port()
        mounted = self.mount(f"--metrics={port}")
        os.listdir(mounted.path)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"http://127.0.0.1:{port}/metrics", timeout=300) as reply:
            self.assertTrue(reply.headers["Content-Type"].startswith("text/plain"))
            self.judge(reply.read().decode())
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=300)

    def test_in_a_file_that_goes_with_the_mount(self):
        path = os.path.join(self.scratch.name, "xbucket.prom")
        mounted = self.mount(f"--metrics={path}")
        with open(path, encoding="utf-8") as file:
            self.judge(file.read())
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o644)
        mounted.stop()
        self.assertFalse(os.path.exists(path))

    def test_never_where_other_machines_could_read_them(self):
        for place in ("0.0.0.0:9123", "192.0.2.1:9123", "relative.prom", ":0x1"):
            done = subprocess.run([BINARY, "local:" + self.scratch.name, self.scratch.name, f"--metrics={place}"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 1, place)
            self.assertIn("stay on this machine", done.stderr)


class Systemd(BucketCase):
    def listen(self):
        path = os.path.join(self.scratch.name, "notify")
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(channel.close)
        channel.bind(path)
        channel.settimeout(300)
        return channel, path

    def start(self, path, **more):
        from harness import Mount
        mounted = Mount("oss://examplebucket", *mount_options("oss", self.server), env={"NOTIFY_SOCKET": path, **more})
        self.addCleanup(mounted.end)
        return mounted

    def until(self, channel, word):
        """Datagrams up to the first that has `word`."""
        seen = []
        while True:
            seen.append(channel.recv(4096).decode())
            if word in seen[-1]:
                return seen

    def test_ready_reload_and_stopping_are_told(self):
        channel, path = self.listen()
        mounted = self.start(path)
        self.assertIn("STATUS=oss://examplebucket on", self.until(channel, "READY=1")[-1])
        mounted.process.send_signal(signal.SIGHUP)
        self.assertRegex(self.until(channel, "RELOADING=1")[-1], r"MONOTONIC_USEC=\d+")
        self.until(channel, "READY=1")
        mounted.process.send_signal(signal.SIGTERM)
        self.until(channel, "STOPPING=1")
        self.assertEqual(mounted.process.wait(timeout=300), 0)

    def test_the_watchdog_hears_of_a_mount_that_answers_and_not_of_a_stopped_one(self):
        channel, path = self.listen()
        mounted = self.start(path, WATCHDOG_USEC="200000")
        self.until(channel, "WATCHDOG=1")
        self.until(channel, "WATCHDOG=1")
        mounted.process.send_signal(signal.SIGSTOP)
        try:
            channel.settimeout(1)
            with self.assertRaises(TimeoutError):
                while True:
                    channel.recv(4096)
        finally:
            mounted.process.send_signal(signal.SIGCONT)

    def test_a_starting_daemon_stays_in_the_process_group_of_mount(self):
        # autofs lets only that group look at a mount point that is being mounted: tests/package/boot.sh.
        self.server.set_faults("list:1:delay:5000")
        point = os.path.join(self.scratch.name, "point")
        os.mkdir(point)
        self.addCleanup(subprocess.run, ["fusermount3", "-u", "-z", "-q", point], check=False)
        env = dict(os.environ, OSS_ACCESS_KEY_ID=ACCESS_KEY, OSS_ACCESS_KEY_SECRET=SECRET)
        mount = subprocess.Popen([BINARY, "oss://examplebucket", point, *mount_options("oss", self.server)], env=env,
                                 stdin=subprocess.DEVNULL, start_new_session=True)

        def child():
            with open(f"/proc/{mount.pid}/task/{mount.pid}/children", encoding="ascii") as file:
                return file.read().split()
        daemon = int(wait_for(child, what="the daemon")[0])
        self.assertEqual(os.getpgid(daemon), mount.pid)
        self.assertEqual(mount.wait(timeout=300), 0)
        self.assertEqual((os.getpgid(daemon), os.getsid(daemon)), (daemon, daemon))
        subprocess.run([BINARY, "unmount", point], check=True, env=env, timeout=300)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_units_are_good_and_come_behind_the_network(self):
        units = os.path.join(ROOT, "scripts/systemd")
        with tempfile.TemporaryDirectory() as folder:
            for name in os.listdir(units):
                with open(os.path.join(units, name), encoding="utf-8") as file:
                    text = file.read().replace("/usr/bin/xbucket", os.path.abspath(BINARY))
                with open(os.path.join(folder, name.replace("@", "@photos") if "@" in name else name), "w",
                          encoding="utf-8") as file:
                    file.write(text)
            names = [os.path.join(folder, n) for n in os.listdir(folder)
                     if n.endswith((".service", ".mount", ".automount"))]
            self.assertEqual(len(names), 3)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=300)
            ours = [line for line in done.stdout.splitlines() if "photos" in line or folder in line]
            self.assertEqual(ours, [], done.stdout)
        for name in ("xbucket@.service", "mnt-photos.mount"):
            with open(os.path.join(units, name), encoding="utf-8") as file:
                text = file.read()
            self.assertRegex(text, r"(?m)^After=.*network-online\.target")
            self.assertRegex(text, r"(?m)^Wants=network-online\.target")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_service_is_as_closed_as_the_readme_says(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            figure = re.search(r"`systemd-analyze security`: ([0-9.]+)", file.read()).group(1)
        with tempfile.TemporaryDirectory() as folder:
            unit = shutil.copy(os.path.join(ROOT, "scripts/systemd/xbucket@.service"),
                               os.path.join(folder, "xbucket@photos.service"))
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        self.assertIn(f"Overall exposure level for xbucket@photos.service: {figure} ", done.stdout)

    @unittest.skipUnless(os.access(GENERATOR, os.X_OK), "systemd's generator of units from fstab is not installed")
    def test_systemd_makes_of_the_fstab_lines_what_the_shipped_units_say(self):
        folders = []
        for name in ("normal", "early", "late"):
            folders.append(os.path.join(self.scratch.name, name))
            os.mkdir(folders[-1])
        units = folders[0]
        env = dict(os.environ, SYSTEMD_FSTAB=os.path.join(ROOT, "scripts/systemd/fstab"), SYSTEMD_PROC_CMDLINE="quiet")
        subprocess.run([GENERATOR, *folders], env=env, check=True, timeout=300)

        def unit(name):
            with open(os.path.join(units, name), encoding="utf-8") as file:
                return file.read()
        # Wanted, not required: a boot goes on without it; remote-fs.target is behind the network.
        self.assertEqual(os.listdir(os.path.join(units, "remote-fs.target.wants")), ["mnt-photos.mount"])
        self.assertNotIn("mnt-photos.mount", os.listdir(os.path.join(units, "remote-fs.target.requires")))
        self.assertIn("mnt-data.automount", os.listdir(os.path.join(units, "remote-fs.target.requires")))
        for name in ("mnt-photos.mount", "mnt-data.mount", "home-me-notes.mount"):
            # systemd itself adds network-online.target for a mount with _netdev: systemd.mount(5).
            self.assertRegex(unit(name), r"(?m)^Options=.*\b_netdev\b")
            self.assertRegex(unit(name), r"(?m)^Type=fuse\.xbucket$")
            self.assertNotRegex(unit(name), r"(?m)^Before=.*local-fs\.target")
        self.assertRegex(unit("mnt-data.mount"), r"(?m)^TimeoutSec=2min$")
        self.assertRegex(unit("mnt-data.automount"), r"(?m)^TimeoutIdleSec=30min$")

    def test_the_fstab_lines_are_taken_by_the_mount_helper(self):
        with open(os.path.join(ROOT, "scripts/systemd/fstab"), encoding="utf-8") as file:
            lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
        self.assertEqual(len(lines), 3)
        helper = os.path.join(self.scratch.name, "mount.fuse.xbucket")
        os.symlink(os.path.abspath(BINARY), helper)
        for source, point, kind, options, dump, check in lines:
            self.assertEqual((kind, dump, check), ("fuse.xbucket", "0", "0"))
            self.assertIn("_netdev", options)
            # -f: everything but the mount itself.
            done = subprocess.run([helper, source, point, "-f", "-o", options], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            self.assertEqual((done.returncode, done.stdout), (0, ""), options)


if __name__ == "__main__":
    unittest.main()
