# SPDX-FileCopyrightText: the xbucket authors
"""What stands between a mount and its server in some tests."""

import socket
import threading


def serve_connections(listener, serve):
    """Calls `serve(connection)` for each connection, in a thread of its own, until the listener is closed."""
    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


class Front:
    """Accepts connections (TLS where `context` is given) and hands their bytes on to a port."""

    def __init__(self, port, context=None, unix=None):
        self.port_behind, self.context, self.plain_bytes = port, context, 0
        self.connections = []  # all that were accepted
        if unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix)
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        serve_connections(self.listener, self.serve)

    def serve(self, connection):
        self.connections.append(connection)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            behind = socket.create_connection(("127.0.0.1", self.port_behind))
        except OSError:
            connection.close()
            return
        threading.Thread(target=self.pump, args=(behind, connection, False), daemon=True).start()
        self.pump(connection, behind, True)

    def pump(self, source, target, count):
        try:
            while data := source.recv(65536):
                if count:
                    self.plain_bytes += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def stop(self):
        self.listener.close()
