"""Sends large responses in pieces, so that slow readers hold neither whole responses nor all threads.

The server buffers a response of one part until the client has read it. A response of several parts holds a thread
instead, so its size does not matter but their number is bounded.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from flask import Request, Response

from tintype.web.client_address import ProxyTrust
from tintype.web.client_limit import ClientLimit

BUFFERED_BYTES = 512 << 10
"""Bytes up to which the server buffers a response: each slow reader holds at most this."""
PIECE_BYTES = 64 << 10
MAX_STREAMS = 64
"""Larger responses that one worker process sends at a time."""
MAX_STREAMS_PER_CLIENT = 16
"""Of these, responses to one client."""
SLOW_AFTER = 1.0
"""Seconds after which the rest of a response is moved from memory to a temporary file."""


class ResponseSender:
    """Turns large responses into streams. ``folder`` is for temporary files; they have no name, so none remains."""

    def __init__(
        self, proxies: ProxyTrust | None = None, folder: Path | None = None, limit: ClientLimit | None = None
    ) -> None:
        self._proxies = proxies or ProxyTrust()
        self._folder = folder
        self._limit = limit or ClientLimit("downloads", MAX_STREAMS, MAX_STREAMS_PER_CLIENT)

    def send(self, response: Response, request: Request) -> Response:
        """The response, as a stream if its body is large; raises Overloaded or RateLimited."""
        if request.method == "HEAD" or not response.is_sequence:
            return response
        body = response.get_data()
        if len(body) > BUFFERED_BYTES:
            self._stream(response, self._pieces_of(body), len(body), request)
        return response

    def send_file(self, response: Response, request: Request, file: IO[bytes], start: int, length: int) -> Response:
        """The response with ``length`` bytes of a file from ``start``, which it closes; raises as ``send``."""
        try:
            if request.method == "HEAD":
                file.close()
                response.content_length = length
            elif length <= BUFFERED_BYTES:
                with file:
                    file.seek(start)
                    response.set_data(file.read(length))
            else:
                self._stream(response, _pieces_of_file(file, start, length), length, request)
                response.call_on_close(file.close)
        except BaseException:
            file.close()
            raise
        return response

    def _stream(self, response: Response, pieces: Iterator[bytes], length: int, request: Request) -> None:
        client = self._proxies.client_of(request.environ)
        self._limit.enter(client)
        response.call_on_close(lambda: self._limit.leave(client))
        response.response = pieces
        response.content_length = length

    def _pieces_of(self, body: bytes) -> Iterator[bytes]:
        begin = time.monotonic()
        for sent in range(0, len(body), PIECE_BYTES):
            if time.monotonic() - begin > SLOW_AFTER:
                spool = self._spool(body[sent:])
                if spool:
                    body = b""  # the last reference
                    yield from _pieces_of_file(spool, 0, sys.maxsize)
                    return
            yield body[sent : sent + PIECE_BYTES]

    def _spool(self, rest: bytes) -> IO[bytes] | None:
        """A temporary file with the rest of a body; None if it cannot be written, for instance on a full disk."""
        try:
            spool = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - the caller closes it
        except OSError:
            return None
        try:
            spool.write(rest)
            spool.seek(0)
        except OSError:
            spool.close()
            return None
        return spool


def _pieces_of_file(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0 and (piece := file.read(min(length, PIECE_BYTES))):
            length -= len(piece)
            yield piece
