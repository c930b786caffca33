"""An API key, a signing key, and sites that require them."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Site
from tintype.api_keys import ApiKey
from tintype.signing import UrlSigner
from tintype.web.auth import Authenticator

KEY, SIGNING = "a-key-of-the-shop-1", "a key that signs addresses"
BEARER, HEADER = {"Authorization": f"Bearer {KEY}"}, {"X-Api-Key": KEY}
SHOP = ApiKey.parse(f"shop:{KEY}")
SIGNATURES = UrlSigner([SIGNING])


def closed(*keys: ApiKey, signatures: UrlSigner | None = SIGNATURES, **options: Any) -> Site:
    site = Site(**options)
    return Site(authenticator=Authenticator(keys, signatures, site.clock), clock=site.clock, **options)
