# SPDX-FileCopyrightText: the xbucket authors
"""Networks that lose a peer without a word (reliability.md 2, row 8): behind a front whose connections the
kernel stops to hear, as when a machine lost its power or a router forgot an address translation."""

import ctypes
import os
import socket
import struct
import time
import unittest

from front import Front
from harness import both_dialects

SO_ATTACH_FILTER = 26


def deafen(connection):
    """Whatever comes for it is dropped before TCP sees it: nothing is acknowledged, nothing is reset."""
    accept_nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    program = struct.pack("HL", 1, ctypes.addressof(accept_nothing))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


@both_dialects
class Silence:
    UNHEARD = 30  # seconds: TCP_USER_TIMEOUT

    def setUp(self):
        super().setUp()
        self.client.put("f", b"content")
        self.front = Front(self.server.port)
        self.addCleanup(self.front.stop)
        endpoint = f"endpoint=http://127.0.0.1:{self.front.port}"
        self.mounted = self.mount("-o", f"{endpoint},ttl=0,negative_ttl=0,timeout=300s")

    def test_a_peer_that_is_gone_without_a_word_costs_seconds_and_no_error(self):
        mount = self.mounted
        with open(mount / "f", "rb") as file:
            self.assertEqual(file.read(), b"content")
        os.setxattr(mount / "f", "user.a", b"1")
        lost = list(self.front.connections)
        for connection in lost:
            if connection.fileno() >= 0:
                deafen(connection)
        began = time.monotonic()
        os.setxattr(mount / "f", "user.a", b"2")
        with open(mount / "g", "wb") as file:
            file.write(b"new")
        seconds = time.monotonic() - began
        self.assertEqual(self.client.metadata("f")["a"], "2")
        self.assertEqual(self.client.get("g"), b"new")
        self.assertGreater(len(self.front.connections), len(lost), "nothing was sent on a fresh connection")
        self.assertLess(seconds, 4 * self.UNHEARD)
        # All that were open then are known to be dead by now, or tried once more and no longer.
        began = time.monotonic()
        for turn in range(3):
            os.setxattr(mount / "f", "user.a", b"again %d" % turn)
        self.assertLess(time.monotonic() - began, 3 * self.UNHEARD)
        self.assertEqual(self.client.metadata("f")["a"], "again 2")


if __name__ == "__main__":
    unittest.main()
