"""Load generator in Python."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from bench import load

BODY = b"x" * 2000


def serve(listener: socket.socket, *, keep_alive: bool, complete: bool = True) -> None:
    """Answer every request of every connection until the listener is closed; close connections as told."""
    end = b"keep-alive" if keep_alive else b"close"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\nConnection: " + end + b"\r\n\r\n" + BODY

    def answer_all(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the client ends in the middle of a response
            while connection.recv(4096):
                connection.sendall(answer if complete else answer[:-1])
                if not keep_alive or not complete:
                    return

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer_all, args=(connection,), daemon=True).start()


@pytest.mark.parametrize(
    ("keep_alive", "complete"), [(True, True), (False, True), (True, False)], ids=["kept", "closed", "cut"]
)
def test_every_connection_sends_many_requests(keep_alive: bool, complete: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(
            target=serve, args=(listener,), kwargs={"keep_alive": keep_alive, "complete": complete}, daemon=True
        ).start()
        result = load._generate(listener.getsockname()[1], 0.5, [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
        listener.shutdown(socket.SHUT_RDWR)
    assert result.requests > load.CONNECTIONS
    assert result.wrong == (0 if complete else result.requests)
