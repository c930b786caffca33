"""Access to ``GET /metrics``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.web.conftest import Site
from tintype.web import create_app
from tintype.web.metrics import MetricsAccess


def status_for(peer: str = "127.0.0.1", headers: dict[str, str] | None = None, **access: Any) -> int:
    """The status that a peer gets for ``GET /metrics``."""
    site = Site()
    application = replace(site.application, metrics_access=MetricsAccess(**access))
    client = create_app(application).test_client()
    return client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer}).status_code


class TestAccess:
    @pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.4.2.1", "172.18.0.7", "192.168.1.2", "fd00::2", ""])
    def test_accepts_private_peers(self, peer: str) -> None:
        assert status_for(peer) == 200

    @pytest.mark.parametrize("peer", ["8.8.8.8", "2606:4700::1111", "nonsense"])
    def test_returns_404_to_other_peers(self, peer: str) -> None:
        assert status_for(peer) == 404

    @pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP"])
    def test_returns_404_through_a_proxy(self, name: str) -> None:
        assert status_for(headers={name: "127.0.0.1"}) == 404

    def test_accepts_all_peers_in_mode_open(self) -> None:
        assert status_for("8.8.8.8", {"Via": "1.1 edge"}, mode="open") == 200

    def test_returns_404_to_all_peers_in_mode_off(self) -> None:
        assert status_for(mode="off") == status_for(mode="off", token="t", headers={"Authorization": "Bearer t"}) == 404

    def test_requires_the_token_if_one_is_configured(self) -> None:
        assert (
            status_for("8.8.8.8", {"Authorization": "Bearer right", "X-Forwarded-For": "8.8.4.4"}, token="right") == 200
        )
        assert (
            status_for(token="right")
            == status_for("127.0.0.1", {"Authorization": "Bearer wrong"}, token="right")
            == 401
        )
