"""Addresses of stored thumbnails: public ones are stable, private ones say nothing about credentials."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import pytest

from tests.support.service_harness import capture_request
from tintype.service.stored_address import StoredAddresses

SECRET = bytes(range(32))
PRIVATE: tuple[dict[str, Any], ...] = (
    {"basic_auth": "anna:hunter2"},
    {"cookies": {"session": "1234"}},
    {"headers": {"Authorization": "Bearer abc"}},
)


class TestStoredAddresses:
    def test_public_captures_have_the_address_of_their_request(self) -> None:
        request = capture_request(thumb_width=320)
        assert {StoredAddresses(lambda each=secret: each).of(request) for secret in (SECRET, b"other")} == {request.key}

    def test_reads_no_secret_for_public_captures(self) -> None:
        def secret() -> bytes:
            raise AssertionError("not needed")

        assert StoredAddresses(secret).of(capture_request())

    @pytest.mark.parametrize("credentials", PRIVATE)
    def test_private_addresses_need_the_secret(self, credentials: dict[str, Any]) -> None:
        request = capture_request(**credentials)
        address = StoredAddresses(lambda: SECRET).of(request)
        assert re.fullmatch("[0-9a-f]{64}", address)
        assert address == StoredAddresses(lambda: SECRET).of(request)
        assert address != StoredAddresses(lambda: b"other").of(request)
        assert address != StoredAddresses().of(request)

    @pytest.mark.parametrize("credentials", PRIVATE)
    def test_private_addresses_are_no_hash_of_what_a_guess_knows(self, credentials: dict[str, Any]) -> None:
        request = capture_request(**credentials)
        known = [request.key, request.shot.key, f"stored\n{request.key}"]
        guesses = [hashlib.sha256(text.encode()).hexdigest() for text in known]
        guesses += [hmac.new(b"", text.encode(), hashlib.sha256).hexdigest() for text in known]
        assert StoredAddresses(lambda: SECRET).of(request) not in [*known, *guesses]

    def test_different_credentials_have_different_addresses(self) -> None:
        addresses = StoredAddresses(lambda: SECRET)
        assert len({addresses.of(capture_request(**credentials)) for credentials in PRIVATE}) == len(PRIVATE)

    def test_reads_the_secret_once(self) -> None:
        reads: list[bytes] = []

        def secret() -> bytes:
            reads.append(SECRET)
            return SECRET

        addresses = StoredAddresses(secret)
        for credentials in PRIVATE:
            addresses.of(capture_request(**credentials))
        assert len(reads) == 1
