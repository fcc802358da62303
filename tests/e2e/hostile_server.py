# SPDX-FileCopyrightText: the xbucket authors
"""A server that answers with exactly the bytes that a test gives it, and the bytes that hostile,
broken and merely strange servers answer with."""

import socket
from urllib.parse import quote

from front import serve_connections

HEAD_FINE = {"ETag": '"5D41402ABC4B2A76B9719D911017C592"', "Last-Modified": "Wed, 28 Dec 2022 10:27:41 GMT",
             "Content-Type": "text/plain", "x-oss-request-id": "1", "x-oss-object-type": "Normal",
             "Date": "Wed, 28 Dec 2022 11:27:41 GMT"}


class RawServer:
    """Calls `answer(method, target)` for each request; it gives bytes, or an iterable of bytes, which
    ends when the client has had enough. One reply a connection."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.requests = []
        serve_connections(self.listener, self.serve)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection):
        connection.settimeout(20)
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    data = connection.recv(65536)
                    if not data:
                        return
                    head += data
                method, target = head.split(b" ", 2)[:2]
                self.requests.append((method.decode(), target.decode(), head))
                reply = self.answer(method.decode(), target.decode())
                for piece in [reply] if isinstance(reply, bytes) else reply:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass

    def stop(self):
        self.listener.close()


def message(status="200 OK", headers=None, body=b"", fine=True):
    """A reply; headers that are None are left out. `headers` may be a list for what a dict cannot say."""
    lines = [f"HTTP/1.1 {status}".encode("latin-1")]
    if isinstance(headers, list):
        pairs = list(HEAD_FINE.items() if fine else []) + headers
    else:
        pairs = list({**(HEAD_FINE if fine else {}), **(headers or {})}.items())
    for name, value in pairs:
        if value is None:
            continue
        lines.append(name.encode("latin-1") + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def head(headers=None, status="200 OK"):
    return message(status, {"Content-Length": "5", **(headers or {})} if not isinstance(headers, list)
                   else [("Content-Length", "5"), *headers])


def sized(body, status="200 OK", headers=None):
    return message(status, {"Content-Type": "application/xml", "Content-Length": str(len(body)), "ETag": None,
                            "Last-Modified": None, **(headers or {})}, body)


def endless(start, piece, megabytes=64):
    """`start`, then `piece` again and again: more than anybody may swallow."""
    yield start
    block = piece * max(1, 65536 // len(piece))
    for _ in range(megabytes * 16):
        yield block


def entry(key=b"k", size="5", date="2022-12-28T10:27:41.000Z", etag='"5D41402ABC4B2A76B9719D911017C592"'):
    raw = key if isinstance(key, bytes) else key.encode()
    return (b"<Contents><Key>" + raw + b"</Key><LastModified>" + date.encode() + b"</LastModified><ETag>"
            + etag.encode() + b"</ETag><Size>" + size.encode() + b"</Size></Contents>")


def listing(*entries, more=b"<IsTruncated>false</IsTruncated>", root=b"ListBucketResult"):
    return sized(b'<?xml version="1.0" encoding="UTF-8"?><' + root + b"><Name>examplebucket</Name>"
                 b"<EncodingType>url</EncodingType>" + more + b"".join(entries) + b"</" + root + b">")


def url_key(key):
    return quote(key, safe="").encode()
