# SPDX-FileCopyrightText: the xbucket authors
"""Networks that lose a peer without a word (reliability.md 2, row 8): behind a relay whose connections the
kernel stops to hear, as when a machine lost its power or a router forgot an address translation."""

import ctypes
import os
import socket
import struct
import threading
import time
import unittest

from harness import both_dialects

SO_ATTACH_FILTER = 26


def deafen(connection):
    """Whatever comes for it is dropped before TCP sees it: nothing is acknowledged, nothing is reset."""
    accept_nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    program = struct.pack("HL", 1, ctypes.addressof(accept_nothing))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class Relay:
    """Between a mount and its server."""

    def __init__(self, endpoint):
        host, port = endpoint.removeprefix("http://").split(":")
        self.server = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock = threading.Lock()
        self.connections = []  # the mount's, each with the one to the server
        self.opened = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.server)
            with self.lock:
                self.connections += [(near, far)]
                self.opened += 1
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    @staticmethod
    def _carry(source, target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed on either side

    def lose_all(self):
        """Every connection that is open now is dead, and its other end does not know."""
        with self.lock:
            for near, _ in self.connections:
                deafen(near)
            return self.opened

    def close(self):
        self.listener.close()
        with self.lock:
            for near, far in self.connections:
                for connection in (near, far):
                    # Threads wait for it: close alone would not wake them.
                    try:
                        connection.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    connection.close()


@both_dialects
class Silence:
    UNHEARD = 30  # seconds: TCP_USER_TIMEOUT

    def setUp(self):
        super().setUp()
        self.client.put("f", b"content")
        self.relay = Relay(self.server.endpoint)
        self.addCleanup(self.relay.close)
        self.mounted = self.mount("-o", f"endpoint={self.relay.endpoint},ttl=0,negative_ttl=0")

    def test_a_peer_that_is_gone_without_a_word_costs_seconds_and_no_error(self):
        mount = self.mounted
        with open(mount / "f", "rb") as file:
            self.assertEqual(file.read(), b"content")
        os.setxattr(mount / "f", "user.a", b"1")
        before = self.relay.lose_all()
        began = time.monotonic()
        os.setxattr(mount / "f", "user.a", b"2")
        with open(mount / "g", "wb") as file:
            file.write(b"new")
        seconds = time.monotonic() - began
        self.assertEqual(self.client.metadata("f")["a"], "2")
        self.assertEqual(self.client.get("g"), b"new")
        self.assertGreater(self.relay.opened, before, "nothing was sent on a fresh connection")
        self.assertLess(seconds, 2.5 * self.UNHEARD)
        # All that were open then are known to be dead by now, or tried once more and no longer.
        began = time.monotonic()
        for turn in range(3):
            os.setxattr(mount / "f", "user.a", b"again %d" % turn)
        self.assertLess(time.monotonic() - began, 1.5 * self.UNHEARD)
        self.assertEqual(self.client.metadata("f")["a"], "again 2")


if __name__ == "__main__":
    unittest.main()
