"""Notation of API keys and their options."""

from __future__ import annotations

import hashlib

import pytest

from tests.support.webhooks import OTHER_SECRET, SECRET
from tintype.api_keys import ApiKey, KeyLimits

KEY = "a-key-of-the-shop-1"


class TestApiKey:
    def test_keeps_the_digest_of_the_key_only(self) -> None:
        digest = hashlib.sha256(KEY.encode())
        assert ApiKey.parse(f"shop:{KEY}") == ApiKey("shop", digest.digest())
        assert ApiKey.parse(f"shop:sha256-{digest.hexdigest()}:5 per minute").digest == digest.digest()

    def test_has_no_limits_of_its_own_by_default(self) -> None:
        key = ApiKey.parse(f"shop:{KEY}")
        assert (key.limits, key.quota, key.hosts) == (KeyLimits(thumb="off", hit="off", persist="off"), None, ())

    def test_parses_a_rate_and_options(self) -> None:
        key = ApiKey.parse(
            f"shop:{KEY}:600 per minute:hit=Unlimited:persist=closed: quota = 10000 :hosts=shop.example *.shop.example"
        )
        assert key.limits == KeyLimits(thumb="600 per minute", hit="unlimited", persist="closed")
        assert (key.quota, key.hosts) == (10_000, ("shop.example", "*.shop.example"))

    def test_parses_words_in_place_of_the_rate(self) -> None:
        assert ApiKey.parse(f"shop:{KEY}:unlimited").limits.thumb == "unlimited"
        assert ApiKey.parse(f"shop:{KEY}:thumb=closed:meta=5/hour").limits == KeyLimits(thumb="closed", meta="5/hour")

    def test_parses_secrets_of_webhooks_and_hides_them(self) -> None:
        key = ApiKey.parse(f"shop:{KEY}:webhook_secret={SECRET} {OTHER_SECRET}:quota=5")
        assert (key.webhook_secrets, key.quota) == ((SECRET, OTHER_SECRET), 5)
        assert SECRET not in repr(key)

    @pytest.mark.parametrize(("text", "quota"), [("unlimited", None), ("closed", 0), ("0", 0), ("250", 250)])
    def test_parses_a_quota(self, text: str, quota: int | None) -> None:
        assert ApiKey.parse(f"shop:{KEY}:quota={text}").quota == quota

    @pytest.mark.parametrize(
        "options",
        [
            "many",
            "5 per minute:6 per minute",
            "persist=no",
            "quota=-1",
            "quota=5 per month",
            "quota=9999999999999999",
            "hosts=",
            "hosts=https://shop.example",
            "hosts=*",
            "colour=red",
            "persist=closed:persist=off",
            "webhook_secret=too-short",
            ":",
        ],
    )
    def test_rejects_other_options(self, options: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            ApiKey.parse(f"shop:{KEY}:{options}")
