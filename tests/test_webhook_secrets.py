"""Notation of the secrets of webhooks."""

from __future__ import annotations

import base64

import pytest

from tintype.webhook_secrets import MAX_BYTES, MIN_BYTES, check_secret, new_secret


def secret(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(size)).decode()


class TestSecret:
    @pytest.mark.parametrize("size", [MIN_BYTES, 32, MAX_BYTES])
    def test_accepts_the_sizes_of_the_standard(self, size: int) -> None:
        assert check_secret(secret(size)) == secret(size)

    @pytest.mark.parametrize(
        "text",
        ["", "whsec_", secret(MIN_BYTES - 1), secret(MAX_BYTES + 1), secret(32)[6:], "whsec_%%%%", "whsec_" + "a" * 33],
    )
    def test_rejects_others(self, text: str) -> None:
        with pytest.raises(ValueError, match="whsec_"):
            check_secret(text)

    def test_new_ones_are_valid_and_different(self) -> None:
        made = {check_secret(new_secret()) for _ in range(50)}
        assert len(made) == 50
