"""Sending of large responses: pieces, temporary files, and the limits of streams."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from flask import Request, Response
from werkzeug.test import EnvironBuilder

from tintype.errors import Overloaded, RateLimited
from tintype.web import sending
from tintype.web.client_limit import ClientLimit
from tintype.web.sending import BUFFERED_BYTES, PIECE_BYTES, ResponseSender

BODY = bytes(range(256)) * (BUFFERED_BYTES // 128)


def request(client: str = "192.0.2.1", method: str = "GET") -> Request:
    return Request(EnvironBuilder(method=method, environ_base={"REMOTE_ADDR": client}).get_environ())


def sender(folder: Path | None = None, maximum: int = 1, per_client: int = 1) -> ResponseSender:
    return ResponseSender(folder=folder, limit=ClientLimit("downloads", maximum, per_client))


class TestPieces:
    @pytest.mark.parametrize("slow_after", [60.0, -1.0])
    def test_large_body_is_sent_in_pieces_from_memory_or_a_file(
        self, slow_after: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "SLOW_AFTER", slow_after)
        response = sender(tmp_path).send(Response(BODY), request())
        pieces = list(response.response)
        assert b"".join(pieces) == BODY  # type: ignore[arg-type]
        assert max(len(piece) for piece in pieces) <= PIECE_BYTES
        assert response.content_length == len(BODY)
        assert list(tmp_path.iterdir()) == []

    def test_sends_from_memory_if_no_file_can_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sending, "SLOW_AFTER", -1.0)
        response = sender(tmp_path / "missing").send(Response(BODY), request())
        assert b"".join(response.response) == BODY  # type: ignore[arg-type]

    def test_small_bodies_and_heads_are_unchanged(self) -> None:
        none = sender(maximum=0, per_client=0)
        small = none.send(Response(BODY[:BUFFERED_BYTES]), request())
        assert small.get_data() == BODY[:BUFFERED_BYTES]
        assert none.send(Response(BODY), request(method="HEAD")).is_sequence

    def test_closes_the_file_of_an_aborted_response(self) -> None:
        file = io.BytesIO(BODY)
        response = sender().send_file(Response(), request(), file, 10, len(BODY) - 10)
        assert next(iter(response.response)) == BODY[10 : 10 + PIECE_BYTES]
        response.close()
        assert file.closed


class TestLimits:
    def test_rejects_streams_over_the_limits_until_one_ends(self) -> None:
        sends = sender(maximum=2)
        first = sends.send(Response(BODY), request())
        with pytest.raises(RateLimited, match="downloads in progress"):
            sends.send(Response(BODY), request())
        sends.send(Response(BODY), request("192.0.2.2"))
        with pytest.raises(Overloaded):
            sends.send(Response(BODY), request("192.0.2.3"))
        first.close()
        sends.send(Response(BODY), request())

    def test_closes_the_file_of_a_rejected_response(self) -> None:
        file = io.BytesIO(BODY)
        with pytest.raises(RateLimited):
            sender(per_client=0).send_file(Response(), request(), file, 0, len(BODY))
        assert file.closed
