# SPDX-FileCopyrightText: the xbucket authors
"""Mounts with keys that live for three seconds, from every source: programs read and write all the
time, the keys change under them at least three times, and no program sees an error."""

import json
import os
import subprocess
import threading
import time
import unittest

import fake_clouds
from fake_clouds import ALIBABA_ROLE, AWS_ROLE, OIDC_PROVIDER, FakeCloud, Issuer
from harness import ACCESS_KEY, BINARY, END, SECRET, BucketCase, Mount, mount_options, wait_for

RENEWALS = 3
KEY_VARIABLES = ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID",
                 "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Users:
    """Programs that read, write and set attributes until told to stop; remembers what failed."""

    def __init__(self, mount):
        self.mount, self.errors, self.rounds = mount, [], [0] * 3
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(len(self.rounds))]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        path = self.mount / f"file-{number}"
        while not self.stopped.is_set():
            try:
                text = f"turn {self.rounds[number]}"
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
                os.setxattr(path, "user.turn", text.encode())
                os.setxattr(path, "user.xbucket.refresh", b"1")
                with open(path, encoding="ascii") as file:
                    assert file.read() == text
                assert os.getxattr(path, "user.turn") == text.encode()
                os.listdir(self.mount.path)
                self.rounds[number] += 1
            except (OSError, AssertionError) as failure:
                self.errors.append(repr(failure))
            self.stopped.wait(0.05)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


class KeysCase(BucketCase):
    """A bucket server, a home of its own, and a cloud that gives keys."""

    life = 3

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.scratch.name, "home")
        os.mkdir(self.home)
        self.token_file = os.path.join(self.home, "token")
        self.issuer = Issuer(self.server, self.life)
        self.cloud = FakeCloud(self.issuer, self.read_tokens)
        self.users = None
        self.addCleanup(self.cloud.stop)

    def read_tokens(self):
        """The one in the file and the one before, which somebody may have read just before it changed."""
        with open(self.token_file, encoding="ascii") as file:
            token = file.read().strip()
        return token, f"token-{int(token.rpartition('-')[2]) - 1}"

    def write(self, name, text, mode=0o600):
        """Replaces a file at once, as programs that write keys should."""
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def environment(self, **more):
        env = {name: "" for name in KEY_VARIABLES}
        return {**env, "HOME": self.home, **more}

    def options(self, dialect, *more):
        return [*mount_options(dialect, self.server), f"--sts-endpoint={self.cloud.url}",
                f"--metadata-endpoint={self.cloud.url}", *more]

    def keys_mount(self, dialect, *options, **env):
        mounted = Mount(f"{dialect}://examplebucket", *self.options(dialect, *options), env=self.environment(**env))
        self.addCleanup(mounted.end)
        return mounted

    def survives(self, dialect, *options, each_round=None, **env):
        """Mounts and lives through RENEWALS; `each_round` is called all the time meanwhile."""
        mount = self.keys_mount(dialect, *options, **env)
        first = self.issuer.count()
        users = self.users = Users(mount)

        def renewed():
            if each_round:
                each_round()
            return self.issuer.count() >= first + RENEWALS and sum(users.rounds) > 20

        try:
            wait_for(renewed, seconds=END, what="renewals")
        finally:
            users.stop()
        self.assertEqual(users.errors, [])
        self.assertEqual(self.cloud.refusals, [])
        self.assertEqual(mount.stop(), 0)
        said = mount.said()
        for _, secret, token in self.issuer.issued:
            self.assertNotIn(secret, said)
            self.assertNotIn(token, said)

    def rewriting(self, name, text_of):
        """Writes a file anew, as a tool or another program does, and ends the key before the one that was
        in it: never sooner than every program has done something with that one."""
        last = rounds = None

        def rewrite():
            nonlocal last, rounds
            if last is not None:
                if self.users is None or time.monotonic() - last < self.life / 2:
                    return
                now = list(self.users.rounds)
                if rounds and not all(after > before for before, after in zip(rounds, now)):
                    return
                rounds = now
            last = time.monotonic()
            self.write(name, text_of(*self.issuer.issue(life=600)))
            if self.issuer.count() > 2:
                self.issuer.change_keys(f"end {self.issuer.issued[-3][0]}")

        rewrite()
        return rewrite

    def show(self, source, *options, code=0, **env):
        run = subprocess.run([BINARY, "credentials", source, *options], env={**os.environ, **self.environment(**env)},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=END)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout + run.stderr


class EverySource(KeysCase):
    def test_ecs_ram_role(self):
        self.survives("oss", "--credentials=ecs")

    def test_ecs_ram_role_is_found_without_being_named(self):
        mount = self.keys_mount("oss")
        with open(mount / "a", "w", encoding="ascii") as file:
            file.write("x")
        self.assertEqual(self.client.get("a"), b"x")

    def test_ec2_instance_profile(self):
        self.survives("s3", "--credentials=ec2")

    def test_alibaba_assume_role_in_an_aliyun_profile(self):
        self.write(".aliyun/config.json", json.dumps({"current": "p", "profiles": [
            {"name": "p", "mode": "ChainableRamRoleArn", "source_profile": "base", "ram_role_arn": ALIBABA_ROLE,
             "ram_session_name": "me"},
            {"name": "base", "mode": "AK", "access_key_id": ACCESS_KEY, "access_key_secret": SECRET}]}))
        self.survives("oss", "--credentials=aliyun")

    def test_alibaba_assume_role_of_an_sdk_profile(self):
        self.write(".alibabacloud/credentials",
                   f"[default]\ntype=ram_role_arn\naccess_key_id={ACCESS_KEY}\naccess_key_secret={SECRET}\n"
                   f"role_arn={ALIBABA_ROLE}\nrole_session_name=me\n")
        self.survives("oss")

    def test_alibaba_assume_role_of_ossutil(self):
        self.write(".ossutilconfig", f"[Credentials]\nmode=RamRoleArn\naccessKeyID={ACCESS_KEY}\n"
                                     f"accessKeySecret={SECRET}\nramRoleArn={ALIBABA_ROLE}\n")
        self.survives("oss")

    def test_role_by_name_on_top_of_the_environment(self):
        self.survives("oss", f"--credentials=role:{ALIBABA_ROLE}", OSS_ACCESS_KEY_ID=ACCESS_KEY,
                      OSS_ACCESS_KEY_SECRET=SECRET)

    def test_aws_assume_role_of_a_profile(self):
        self.write(".aws/credentials", f"[base]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET}\n")
        self.write(".aws/config", f"[profile p]\nrole_arn={AWS_ROLE}\nsource_profile=base\n", 0o644)
        self.survives("s3", "--profile=p")

    def test_alibaba_oidc_with_a_token_file_that_is_replaced(self):
        self.rotating_token("oss", "--credentials=oidc", ALIBABA_CLOUD_ROLE_ARN=ALIBABA_ROLE,
                            ALIBABA_CLOUD_OIDC_PROVIDER_ARN=OIDC_PROVIDER,
                            ALIBABA_CLOUD_OIDC_TOKEN_FILE=self.token_file)

    def test_aws_web_identity_with_a_token_file_that_is_replaced(self):
        self.rotating_token("s3", AWS_ROLE_ARN=AWS_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=self.token_file)

    def rotating_token(self, dialect, *options, **env):
        """As Kubernetes does: the token is a symbolic link into a folder that is swapped, mode 0644."""
        turn = 0

        def rotate():
            nonlocal turn
            if self.issuer.count() < turn:
                return
            turn += 1
            target = self.write(f"data-{turn}/token", f"token-{turn}\n", 0o644)
            link = self.token_file + ".link"
            os.symlink(target, link)
            os.rename(link, self.token_file)

        rotate()
        self.survives(dialect, *options, each_round=rotate, **env)
        self.assertGreater(turn, RENEWALS)

    def program(self, document):
        """A program that asks the fake for a key and prints it as `document` says."""
        return self.write("get-key", f"""#!/usr/bin/python3
import json, os, urllib.request
key = json.load(urllib.request.urlopen("{self.cloud.url}/keys"))
assert not any("SECRET" in name or "TOKEN" in name for name, value in os.environ.items() if value), "a secret"
print(json.dumps({document}))
""", 0o700)

    def test_program_that_speaks_alibabas_protocol(self):
        path = self.program('{n: key[n] for n in ("AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration")}')
        self.survives("oss", f"--credentials=process:{path}")

    def test_program_that_speaks_awss_protocol_in_a_profile(self):
        path = self.program('{"Version": 1, "AccessKeyId": key["AccessKeyId"], "SecretAccessKey": '
                            'key["AccessKeySecret"], "SessionToken": key["SecurityToken"], "Expiration": '
                            'key["Expiration"]}')
        self.write(".aws/config", f"[default]\ncredential_process = '{path}' ignored\n")
        self.survives("s3")

    def test_file_that_another_program_rewrites(self):
        self.survives("oss", f"--credentials-file={self.home}/key.json", each_round=self.rewriting(
            "key.json", lambda key, secret, token, until: json.dumps(
                {"AccessKeyId": key, "AccessKeySecret": secret, "SecurityToken": token, "Expiration": until})))

    def test_address_that_a_container_is_given_with_its_authorization(self):
        self.survives("s3", AWS_CONTAINER_CREDENTIALS_FULL_URI=self.cloud.url + "/container",
                      AWS_CONTAINER_AUTHORIZATION_TOKEN=fake_clouds.CONTAINER_TOKEN)

    def test_address(self):
        self.survives("oss", ALIBABA_CLOUD_CREDENTIALS_URI=self.cloud.url + "/keys")


class Trouble(KeysCase):
    """What a mount does when renewal fails."""

    life = 6

    def test_outage_of_the_metadata_service_is_survived_while_the_key_is_valid(self):
        self.issuer.life = 20  # a renewal that fails begins 4 s before the end
        mount = self.keys_mount("oss", "--credentials=ecs")
        users = Users(mount)
        try:
            self.cloud.broken = 503
            wait_for(lambda: "renewal_failed" in mount.said(), what="a failed renewal")
            self.cloud.broken = None
            wait_for(lambda: self.issuer.count() >= 2, what="the next key")
            rounds = sum(users.rounds)
            wait_for(lambda: sum(users.rounds) > rounds + 20, what="programs that go on")
        finally:
            users.stop()
        self.assertEqual(users.errors, [])
        self.assertIn("valid=yes", mount.said())

    def test_refused_renewal_is_EACCES_after_the_keys_end_and_heals_without_a_new_mount(self):
        mount = self.keys_mount("oss", "--credentials=ecs")
        with open(mount / "a", "w", encoding="ascii") as file:
            file.write("x")
        self.cloud.broken = 403

        def fails():
            try:
                with open(mount / "b", "w", encoding="ascii") as file:
                    file.write("y")
            except PermissionError:
                return True
            return False

        wait_for(fails, what="EACCES")
        self.cloud.broken = None
        wait_for(lambda: not fails(), seconds=END, what="the mount to heal")
        self.assertEqual(self.client.get("b"), b"y")

    def test_key_that_the_service_forgets_is_asked_for_anew_unnoticed(self):
        self.issuer.life = 600
        for change in ("remove", "end"):
            with self.subTest(change):
                mount = self.keys_mount("oss", "--credentials=ecs")
                self.issuer.change_keys(f"{change} {self.issuer.issued[-1][0]}")
                before = self.issuer.count()
                with open(mount / "a", "w", encoding="ascii") as file:
                    file.write("x")
                self.assertEqual(self.issuer.count(), before + 1)
                mount.stop()

    def test_programs_that_fail_hang_or_print_rubbish_are_refused_in_one_sentence(self):
        for command, said in (("echo planted-secret; exit 3", "status 3"), ("echo planted-secret", "no JSON object"),
                              ("yes planted-secret", "more than 64 KiB"), ("kill -9 $$", "signal 9"),
                              ("echo '{\"Version\":2}'", "Version"), ("true", "no JSON object"),
                              ("echo '" + "[" * 5000 + "'", "deeper than")):
            with self.subTest(command[:30]):
                out = self.show("oss://photos", f"--credentials=process:{command}", code=32)
                self.assertIn(said, out)
                self.assertEqual(out.count("--credentials=process"), 1, out)
                self.assertNotIn("planted-secret", out)

    def test_program_that_starts_to_hang_holds_up_neither_the_mount_nor_its_end(self):
        self.issuer.change_keys("add STS.planted planted-secret planted-token 600")
        flag, hanging = os.path.join(self.home, "hang"), os.path.join(self.home, "hanging")
        path = self.write("get-key", f"""#!/bin/sh
test -e {flag} && touch {hanging} && sleep 1000
until=$(date -u -d '+30 seconds' +%Y-%m-%dT%H:%M:%SZ)
echo '{{"AccessKeyId": "STS.planted", "AccessKeySecret": "planted-secret", "SecurityToken": "planted-token",'
echo "\\"Expiration\\": \\"$until\\"}}"
""", 0o700)
        mount = self.keys_mount("oss", f"--credentials=process:{path}")
        with open(flag, "w", encoding="ascii"):
            pass

        def seconds_of_a_write():
            before = time.monotonic()
            with open(mount / "f", "w", encoding="ascii") as file:
                file.write("x")
            return time.monotonic() - before

        # The program is run again when the key is asked for, 5 s before its end or more.
        wait_for(lambda: seconds_of_a_write() and os.path.exists(hanging), what="the program to be run again")
        began, slowest = time.monotonic(), 0.0
        while time.monotonic() < began + 1:
            slowest = max(slowest, seconds_of_a_write())
            time.sleep(0.05)
        self.assertLess(slowest, 5)
        before = time.monotonic()
        self.assertEqual(mount.stop(), 0)
        self.assertLess(time.monotonic() - before, 40)


class Shown(KeysCase):
    """`xbucket credentials`."""

    life = 600

    def test_source_key_identity_and_end_and_no_secret(self):
        said = self.show("oss://photos", *self.options("oss"), "--credentials=ecs")
        for part in ("ECS metadata service", "temporary", "STS.planted1", f"role {fake_clouds.ROLE}", "min left"):
            self.assertIn(part, said)
        self.assertNotIn("planted-secret", said)
        self.assertNotIn("planted-token", said)

    def test_json_and_the_order_of_places(self):
        self.write(".aws/credentials", f"[default]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET}\n")
        said = json.loads(self.show("s3://", "--json"))
        self.assertEqual(said["kind"], "lasting")
        self.assertEqual(said["key"], ACCESS_KEY)
        self.assertIsNone(said["until"])
        self.assertEqual([place.split(":")[0] for place in said["asked"][:2]], ["environment", "web identity token"])
        self.assertTrue(said["asked"][-1].endswith("in use"))
        self.assertNotIn(SECRET, str(said))

    def test_source_that_is_set_up_and_broken_ends_the_search(self):
        self.write(".ossutilconfig", "[Credentials]\naccessKeyID=only-half\n")
        said = self.show("oss://photos", *self.options("oss"), code=32)
        self.assertIn(".ossutilconfig", said)
        self.assertEqual(self.issuer.count(), 0, "another source was used instead")

    def test_anonymous_and_wrong_words(self):
        self.assertIn("anonymous", self.show("oss://photos", "--anonymous"))
        self.assertIn("web-identity", self.show("oss://photos", "--credentials=gcs", code=1))
        self.assertIn("https", self.show("oss://photos", "--sts-endpoint=http://example.com", code=1))

    def test_files_that_others_can_read_or_write_are_refused_with_the_remedy(self):
        text = f"[Credentials]\naccessKeyID={ACCESS_KEY}\naccessKeySecret={SECRET}\n"
        self.write(".ossutilconfig", text, 0o640)
        self.assertIn("chmod 600", self.show("oss://photos", code=32))
        self.write(".ossutilconfig", text, 0o602)
        self.assertIn("chmod go-w", self.show("oss://photos", code=32))


if __name__ == "__main__":
    unittest.main()
