# SPDX-FileCopyrightText: the xbucket authors
"""What xbucket dump wrote lands on the objects that it was taken from and on no other, and what a run
remembers is of that run only."""

import os
import unittest

from harness import both_dialects
from tool_case import SOME_FAILED, USAGE, ToolCase


@both_dialects
class Restore(ToolCase):
    def setUp(self):
        super().setUp()
        meta = self.client.prefix + "meta-"
        self.client.put("photos/1.jpg", b"x", **{meta + "year": "2018"})
        self.client.put("top.txt", b"top", **{meta + "people": "eliot"})

    def places(self):
        """The bucket's root, through a mount and as a URL."""
        return {"mount": self.mount().path + "/", "url": self.url()}

    def test_keys_that_no_path_can_name_keep_their_own_attributes(self):
        odd = ["./top.txt", "photos//1.jpg", "photos/../top.txt"]
        if self.dialect == "s3":
            odd.append("/top.txt")  # which OSS does not have
        for key in odd:
            self.client.put(key, b"odd", **{self.client.prefix + "meta-of": key.encode().hex()})
        before = {key: self.client.metadata(key) for key in ("top.txt", "photos/1.jpg")}
        dumped = self.tool("dump", *(self.url(key) for key in odd)).stdout
        for key in odd:
            self.client.put(key, b"odd")
        self.tool("restore", "-", self.url(), stdin=dumped)
        for key in odd:
            self.assertEqual(self.client.metadata(key), {"of": key.encode().hex()}, key)
        mounted = self.mount()
        for words in (("-", mounted.path), ("-",)):
            said = self.tool("restore", *words, stdin=dumped, code=SOME_FAILED, cwd=mounted.path).stderr
            self.assertEqual(said.count("no path in a mount can name this key"), len(odd))
        self.assertEqual({key: self.client.metadata(key) for key in before}, before)

    def test_a_dump_that_was_made_of_the_current_directory_is_restored_by_url(self):
        mounted = self.mount()
        dumped = self.tool("dump", "-r", ".", cwd=mounted.path).stdout
        self.assertIn("# file: ./top.txt\n", dumped)
        self.client.put("top.txt", b"top")
        self.tool("restore", "-", self.url(), stdin=dumped.replace("./photos/1", ".//photos/.//1"))
        self.assertEqual(self.client.metadata("top.txt"), {"people": "eliot"})

    def test_of_several_blocks_of_one_file_the_last_value_holds(self):
        for how, root in self.places().items():
            with self.subTest(how):
                names = ["top.txt", "./top.txt", ".//top.txt"]
                text = "".join(f'# file: {names[i % 3]}\nuser.n="{how} {i}"\nuser.only{i % 5}="{how} {i}"\n\n'
                               for i in range(50))
                said = self.tool("restore", "-", root, stdin=text).stderr
                self.assertIn("1 object done", said)
                self.assertEqual(self.client.metadata("top.txt"),
                                 {"people": "eliot", "n": f"{how} 49",
                                  **{f"only{i}": f"{how} {45 + i}" for i in range(5)}})

    def test_a_run_is_resumed_only_where_the_same_words_mean_the_same(self):
        text = '# file: gone\nuser.a="1"\n\n# file: 1.jpg\nuser.a="1"\n'
        mounted = self.mount()
        self.tool("restore", "-", stdin=text, cwd=mounted / "photos", code=SOME_FAILED)
        self.client.put("1.jpg", b"another")
        said = self.tool("restore", "-", "--resume", stdin=text, cwd=mounted.path, code=SOME_FAILED).stderr
        self.assertNotIn("done before", said)
        self.assertEqual(self.client.metadata("1.jpg"), {"a": "1"})
        # The same URL at another service.
        words = ("set", "b=1", self.url("top.txt"), self.url("gone"))
        self.tool(*words, code=SOME_FAILED)
        os.mkdir(self.data + "2")
        other = type(self.server)(self.data + "2")
        self.addCleanup(other.stop)
        self.client.server = self.server = other
        self.client.make_bucket()
        self.client.put("top.txt", b"there")
        said = self.tool(*words, "--resume", code=SOME_FAILED).stderr
        self.assertNotIn("done before", said)
        self.assertEqual(self.client.metadata("top.txt"), {"b": "1"})

    def test_a_log_that_was_named_is_kept_and_never_takes_the_place_of_another_file(self):
        log = os.path.join(self.scratch.name, "log")
        self.tool("set", "a=1", self.url("top.txt"), f"--log-file={log}")
        with open(log, encoding="utf-8") as file:
            self.assertRegex(file.read(), r"\Axbucket-work 1 \w+\ndone .*top\.txt\n\Z")
        seen = len(self.server.requests())
        for words in (("a=2",), ("a=2", "--resume")):
            said = self.tool("set", *words, self.url("top.txt"), f"--log-file={log}", code=USAGE).stderr
            self.assertIn("not the log of this command", said)
        self.assertEqual(self.copies(seen), 0)
        self.tool("set", "a=1", self.url("top.txt"), f"--log-file={log}")
        self.assertTrue(os.path.exists(log))


if __name__ == "__main__":
    unittest.main()
