# SPDX-FileCopyrightText: the xbucket authors
"""Every source of keys that test_credentials.py leaves out, from end to end: the modes of the tools'
files, and the keys that do not end. A mount reads and writes all the time with keys that live for
three seconds, and survives at least three renewals of each."""

import json
import os
import shlex
import time

import fake_clouds
from fake_clouds import ALIBABA_ROLE, AWS_ROLE, OIDC_PROVIDER
from harness import ACCESS_KEY, SECRET
from test_credentials import KeysCase


class SourceCase(KeysCase):
    def printer(self, *names):
        """A command that asks for a key and prints it, its members named as `names` say."""
        path = self.write("get-key", f"""#!/usr/bin/python3
import json, sys, urllib.request
key = json.load(urllib.request.urlopen("{self.cloud.url}/keys"))
print(json.dumps({{**{json.dumps(dict(n for n in names if isinstance(n, tuple)))},
                   **{{to: key[of] for of, to in (name.split("=") for name in sys.argv[1:])}}}}))
""", 0o700)
        return " ".join([shlex.quote(path), *(name for name in names if isinstance(name, str))])

    def alibaba_printer(self):
        return self.printer("AccessKeyId=AccessKeyId", "AccessKeySecret=AccessKeySecret",
                            "SecurityToken=SecurityToken", "Expiration=Expiration")

    def aws_printer(self):
        return self.printer(("Version", 1), "AccessKeyId=AccessKeyId", "AccessKeySecret=SecretAccessKey",
                            "SecurityToken=SessionToken", "Expiration=Expiration")

    def give_token(self):
        """A token that an orchestrator keeps in a file, and replaces."""
        turn = 0

        def replace():
            nonlocal turn
            if self.issuer.count() >= turn:
                turn += 1
                self.write("token", f"token-{turn}\n", 0o644)

        replace()
        return replace

    def works(self, dialect, *options, **env):
        """For keys that do not end."""
        mount = self.keys_mount(dialect, *options, **env)
        with open(mount / "a", "w", encoding="ascii") as file:
            file.write("x")
        os.setxattr(mount / "a", "user.year", b"2021")
        os.setxattr(mount.path, "user.xbucket.refresh", b"1")
        with open(mount / "a", encoding="ascii") as file:
            self.assertEqual(file.read(), "x")
        self.assertEqual(os.getxattr(mount / "a", "user.year"), b"2021")
        self.assertEqual(self.client.get("a"), b"x")
        self.assertEqual(mount.stop(), 0)
        self.assertNotIn(SECRET, mount.said())


class AliyunModes(SourceCase):
    def profile(self, **fields):
        return json.dumps({"current": "p", "profiles": [{"name": "p", "region_id": "cn-hangzhou", **fields}]})

    def use(self, **fields):
        self.write(".aliyun/config.json", self.profile(**fields))

    def test_ecs_ram_role(self):
        self.use(mode="EcsRamRole", ram_role_name=fake_clouds.ROLE)
        self.survives("oss")

    def test_role_on_top_of_a_key(self):
        self.use(mode="RamRoleArn", access_key_id=ACCESS_KEY, access_key_secret=SECRET, ram_role_arn=ALIBABA_ROLE,
                 ram_session_name="me", expired_seconds=900)
        self.survives("oss")

    def test_role_on_top_of_the_machines(self):
        self.use(mode="RamRoleArnWithRoleName", ram_role_name=fake_clouds.ROLE, ram_role_arn=ALIBABA_ROLE,
                 ram_session_name="me")
        self.survives("oss")

    def test_oidc(self):
        replace = self.give_token()
        self.use(mode="OIDC", ram_role_arn=ALIBABA_ROLE, oidc_provider_arn=OIDC_PROVIDER,
                 oidc_token_file=self.token_file, ram_session_name="me")
        self.survives("oss", each_round=replace)

    def test_external_program(self):
        self.use(mode="External", process_command=self.alibaba_printer())
        self.survives("oss")

    def test_credentials_address(self):
        self.use(mode="CredentialsURI", credentials_uri=self.cloud.url + "/keys")
        self.survives("oss")

    def test_sts_token_that_is_rewritten(self):
        self.survives("oss", each_round=self.rewriting(
            ".aliyun/config.json", lambda key, secret, token, _: self.profile(
                mode="StsToken", access_key_id=key, access_key_secret=secret, sts_token=token)))

    def test_cloud_sso_that_the_tool_renews(self):
        self.survives("oss", each_round=self.rewriting(
            ".aliyun/config.json", lambda key, secret, token, _: self.profile(
                mode="CloudSSO", access_key_id=key, access_key_secret=secret, sts_token=token,
                sts_expiration=int(time.time()) + 600)))


class AlibabaFileTypes(SourceCase):
    def text(self, kind, **fields):
        return f"[default]\ntype={kind}\n" + "".join(f"{name}={value}\n" for name, value in fields.items())

    def test_ecs_ram_role(self):
        self.write(".alibabacloud/credentials", self.text("ecs_ram_role", role_name=fake_clouds.ROLE))
        self.survives("oss")

    def test_oidc(self):
        replace = self.give_token()
        self.write(".alibabacloud/credentials", self.text(
            "oidc_role_arn", role_arn=ALIBABA_ROLE, oidc_provider_arn=OIDC_PROVIDER,
            oidc_token_file_path=self.token_file, role_session_name="me"))
        self.survives("oss", each_round=replace)

    def test_sts_token_that_is_rewritten(self):
        self.survives("oss", each_round=self.rewriting(
            ".alibabacloud/credentials", lambda key, secret, token, _: self.text(
                "sts", access_key_id=key, access_key_secret=secret, security_token=token)))


class OssutilModes(SourceCase):
    def test_ecs_ram_role(self):
        self.write(".ossutilconfig", f"[Credentials]\nmode=EcsRamRole\necsRoleName={fake_clouds.ROLE}\n")
        self.survives("oss")

    def test_ecs_address_of_version_1(self):
        self.write(".ossutilconfig", f"[Credentials]\nlanguage=EN\n[AkService]\necsAk={self.cloud.url}/keys\n")
        self.survives("oss")

    def test_token_that_is_rewritten(self):
        self.survives("oss", each_round=self.rewriting(
            ".ossutilconfig", lambda key, secret, token, _:
            f"[Credentials]\naccessKeyID={key}\naccessKeySecret={secret}\nstsToken={token}\n"))

    def test_profile_of_version_2(self):
        self.write(".ossutilconfig", f"[profile work]\nmode=RamRoleArn\naccessKeyID={ACCESS_KEY}\n"
                                     f"accessKeySecret={SECRET}\nramRoleArn={ALIBABA_ROLE}\n")
        self.survives("oss", "--profile=work")


class AwsProfiles(SourceCase):
    def test_web_identity(self):
        replace = self.give_token()
        self.write(".aws/config", f"[profile p]\nrole_arn={AWS_ROLE}\nweb_identity_token_file={self.token_file}\n")
        self.survives("s3", each_round=replace, AWS_PROFILE="p")

    def test_role_with_the_machines_key(self):
        self.write(".aws/config", f"[default]\nrole_arn={AWS_ROLE}\ncredential_source=Ec2InstanceMetadata\n")
        self.survives("s3")

    def test_role_with_the_environments_key(self):
        self.write(".aws/config", f"[default]\nrole_arn={AWS_ROLE}\ncredential_source=Environment\n")
        self.survives("s3", "--credentials=aws", AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET)

    def test_session_token_that_is_rewritten(self):
        self.survives("s3", each_round=self.rewriting(
            ".aws/credentials", lambda key, secret, token, _:
            f"[default]\naws_access_key_id={key}\naws_secret_access_key={secret}\naws_session_token={token}\n"))


class OtherSources(SourceCase):
    def test_program_in_awss_protocol(self):
        self.survives("oss", f"--credentials=process:{self.aws_printer()}")

    def test_program_in_alibabas_protocol_for_s3(self):
        self.survives("s3", f"--credentials=process:{self.alibaba_printer()}")

    def test_file_in_awss_spelling(self):
        self.survives("s3", f"--credentials-file={self.home}/key.json", each_round=self.rewriting(
            "key.json", lambda key, secret, token, until: json.dumps(
                {"Version": 1, "AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token,
                 "Expiration": until})))

    def test_address_with_its_authorization_in_a_file(self):
        path = self.write("container-token", fake_clouds.CONTAINER_TOKEN + "\n", 0o644)
        self.survives("s3", AWS_CONTAINER_CREDENTIALS_FULL_URI=self.cloud.url + "/container",
                      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=path)

    def test_address_by_name(self):
        self.survives("oss", f"--credentials=uri:{self.cloud.url}/keys")


class LastingKeys(SourceCase):
    def test_of_every_family_of_variables(self):
        for dialect, names in (("oss", ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET")),
                               ("oss", ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")),
                               ("s3", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))):
            with self.subTest(names[0]):
                self.works(dialect, **dict(zip(names, (ACCESS_KEY, SECRET))))

    def test_of_every_file(self):
        for dialect, name, text in (
                ("oss", ".ossutilconfig", f"[Credentials]\naccessKeyID={ACCESS_KEY}\naccessKeySecret={SECRET}\n"),
                ("oss", ".aliyun/config.json", json.dumps({"current": "default", "profiles": [
                    {"name": "default", "mode": "AK", "access_key_id": ACCESS_KEY, "access_key_secret": SECRET}]})),
                ("oss", ".alibabacloud/credentials", f"[default]\ntype=access_key\naccess_key_id={ACCESS_KEY}\n"
                                                     f"access_key_secret={SECRET}\n"),
                ("s3", ".aws/credentials",
                 f"[default]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET}\n")):
            with self.subTest(name):
                path = self.write(name, text)
                self.works(dialect)
                os.unlink(path)

    def test_none_at_all_where_the_bucket_is_public(self):
        self.client.ok("PUT", query={"acl": None}, headers={"x-oss-acl": "public-read-write"})
        mount = self.keys_mount("oss", "--anonymous")
        with open(mount / "a", "w", encoding="ascii") as file:
            file.write("x")
        with open(mount / "a", encoding="ascii") as file:
            self.assertEqual(file.read(), "x")
        self.assertEqual(self.client.get("a"), b"x")
        self.assertEqual(os.listdir(mount.path), ["a"])
        self.assertEqual(mount.stop(), 0)
