# SPDX-FileCopyrightText: the xbucket authors
"""Who is measured: each mounts a bucket in the foreground, as people mount it by default, on a
fresh mount point with a home of its own, so that nothing is left from the run before."""

import os
import shutil
import signal
import subprocess
import tempfile

import harness


class Cannot(Exception):
    """A candidate that cannot do a case, and why; the others go on."""


def version_of(*command):
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return (result.stdout or result.stderr).splitlines()[0].strip()


class Mounted:
    """A mount under measurement."""

    def __init__(self, site, command, env):
        self.home = tempfile.mkdtemp(prefix="home-", dir=site.scratch)
        self.path = tempfile.mkdtemp(prefix="mnt-", dir=site.scratch)
        self.output = tempfile.TemporaryFile()
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith(("AWS_", "OSS_", "RCLONE_", "XBUCKET_"))}
        plain.update(env, HOME=self.home, XDG_STATE_HOME=self.home, XDG_CACHE_HOME=self.home,
                     XDG_RUNTIME_DIR=self.home)
        words = [word.format(path=self.path, home=self.home) for word in command]
        self.process = subprocess.Popen(words, env=plain, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT)
        try:
            harness.wait_for(self._up, what="the mount")
        except AssertionError as failure:
            self.stop()
            raise Cannot(str(failure)) from None

    def _up(self):
        if self.process.poll() is not None:
            self.output.seek(0)
            said = self.output.read().decode(errors="replace").strip().splitlines()
            raise AssertionError(said[-1] if said else f"ended with status {self.process.returncode}")
        return os.path.ismount(self.path)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def cpu(self):
        """CPU seconds of all its threads so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, field="VmRSS"):
        """Bytes; VmRSS is now, VmHWM the most so far."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {field}")

    def stop(self):
        """Unmounts as a person does, and waits for the daemon: what it still has to send is sent."""
        if os.path.ismount(self.path):
            subprocess.run(["fusermount3", "-u", self.path], check=False, capture_output=True)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if os.path.ismount(self.path):
            subprocess.run(["fusermount3", "-u", "-z", self.path], check=False, capture_output=True)
        self.output.close()
        os.rmdir(self.path)
        shutil.rmtree(self.home, ignore_errors=True)


class Xbucket:
    name = "xbucket"
    # Where attributes are, as bare headers, and where they are read.
    packs_attributes = False

    def version(self):
        return version_of(harness.BINARY, "--version")

    def mount(self, site, bucket, *options, dialect="s3"):
        region = "cn-hangzhou" if dialect == "oss" else "us-east-1"
        command = [harness.BINARY, f"{dialect}://{bucket}", "{path}", "--foreground", "--log-level=warning",
                   f"--endpoint={site.server.endpoint}", f"--region={region}", "--spool={home}", *options]
        return Mounted(site, command, {"OSS_ACCESS_KEY_ID": harness.ACCESS_KEY,
                                       "OSS_ACCESS_KEY_SECRET": harness.SECRET,
                                       "AWS_ACCESS_KEY_ID": harness.ACCESS_KEY,
                                       "AWS_SECRET_ACCESS_KEY": harness.SECRET})


class S3fs:
    name = "s3fs"
    packs_attributes = True  # all of an object's in one header

    def version(self):
        return version_of("s3fs", "--version")

    def mount(self, site, bucket, *options, dialect="s3"):
        command = ["s3fs", bucket, "{path}", "-f", "-o", f"url={site.server.endpoint}", "-o",
                   "use_path_request_style,sigv4,endpoint=us-east-1,use_xattr,tmpdir={home}", *options]
        return Mounted(site, command, {"AWSACCESSKEYID": harness.ACCESS_KEY, "AWSSECRETACCESSKEY": harness.SECRET})


class Rclone:
    name = "rclone"
    packs_attributes = False

    def version(self):
        return version_of("rclone", "version")

    def mount(self, site, bucket, *options, dialect="s3"):
        command = ["rclone", "mount", f"B:{bucket}", "{path}", "--vfs-cache-mode", "writes", *options]
        return Mounted(site, command, {
            "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_B_TYPE": "s3", "RCLONE_CONFIG_B_PROVIDER": "Other",
            "RCLONE_CONFIG_B_ACCESS_KEY_ID": harness.ACCESS_KEY,
            "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": harness.SECRET,
            "RCLONE_CONFIG_B_ENDPOINT": site.server.endpoint, "RCLONE_CONFIG_B_REGION": "us-east-1",
            "RCLONE_CONFIG_B_FORCE_PATH_STYLE": "true"})


ALL = {candidate.name: candidate for candidate in (Xbucket(), S3fs(), Rclone())}


def drop_kernel_caches():
    """Page, dentry and inode caches of the whole machine; False where that is not permitted."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as switch:
            switch.write("3\n")
    except OSError:
        return False
    return True
