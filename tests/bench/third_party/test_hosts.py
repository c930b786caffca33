"""Hosts and tags of third parties."""

from __future__ import annotations

import pytest

from bench.third_party.hosts import ADDRESSES, HOSTS, add_tags
from tintype.chromium.proxy.blocklist import load_blocklists
from tintype.options import PageChanges


@pytest.mark.parametrize("party", [party for party in HOSTS if party != "consent"])
def test_tintype_refuses_every_host_by_default(party: str) -> None:
    blocked = load_blocklists().for_options(PageChanges(), "example.com")
    assert blocked
    assert blocked.matches(HOSTS[party])


def test_tintype_loads_the_consent_manager_whose_dialog_it_rejects() -> None:
    blocked = load_blocklists().for_options(PageChanges(), "example.com")
    assert blocked
    assert not blocked.matches(HOSTS["consent"])


def test_every_host_has_an_address_of_its_own() -> None:
    assert len(set(ADDRESSES.values())) == len(HOSTS)


class TestTags:
    def test_stand_at_the_end_of_the_head(self) -> None:
        page = add_tags("<head><title>a</title></head><body>b</body>", 8000)
        head, _, rest = page.partition("</head>")
        assert head.count("<script src=") == 5
        assert rest == "<body>b</body>"

    def test_load_the_consent_manager_first(self) -> None:
        assert add_tags("<p>no head", 8000).startswith(f'<script src="http://{HOSTS["consent"]}:8000/consent.js">')
