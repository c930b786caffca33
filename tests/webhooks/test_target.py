"""URLs of webhooks: which are accepted, and for whom events can be signed."""

from __future__ import annotations

import pytest

from tests.support.webhooks import SECRET
from tintype.errors import InvalidRequest
from tintype.network.egress import AllowRule, Policy
from tintype.webhooks.model import JOB_EVENTS, Event
from tintype.webhooks.signatures import WebhookSigner
from tintype.webhooks.target import WebhookParser

URL = "https://hooks.site.org/a?b=c"
PARSER = WebhookParser(Policy(), WebhookSigner([SECRET]))


def parse(value: object, parser: WebhookParser = PARSER) -> tuple[str, tuple[Event, ...]]:
    found = parser.parse(value, owner="shop", base_url="", accepted=JOB_EVENTS, default=JOB_EVENTS)
    return found.url, found.events


class TestParse:
    def test_accepts_a_url_or_an_object(self) -> None:
        assert parse(URL) == parse({"url": URL}) == (URL, JOB_EVENTS)
        assert parse({"url": URL, "events": ["job.failed"]}) == (URL, (Event.JOB_FAILED,))

    def test_canonical_url_has_no_fragment(self) -> None:
        assert parse(" HTTPS://Hooks.Site.org:443/a?b=c#d")[0] == URL

    @pytest.mark.parametrize(
        "url", ["http://[::1]/", "http://0x7f.1/", "http://192.168.1.1/", "https://printer.local/"]
    )
    def test_denies_inner_addresses(self, url: str) -> None:
        with pytest.raises(InvalidRequest):
            parse(url)

    def test_denies_hosts_of_the_operator(self) -> None:
        with pytest.raises(InvalidRequest, match="the operator permits"):
            parse(URL, WebhookParser(Policy(), WebhookSigner([SECRET]), ("*.site.org",)))

    def test_accepts_what_the_operator_allows(self) -> None:
        policy = Policy((AllowRule.parse("192.168.1.1:8080"),))
        assert parse("http://192.168.1.1:8080/", WebhookParser(policy, WebhookSigner([SECRET])))

    def test_long_names_are_cut_in_the_error(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            parse({"url": URL, "n" * 5000: 1})
        assert len(caught.value.invalid_parameters[0].parameter) < 100


class TestCheckUrl:
    def test_accepts_a_public_url_of_an_owner_with_a_secret(self) -> None:
        WebhookParser(Policy(), WebhookSigner([], {"shop": [SECRET]})).check_url(URL, "shop")

    @pytest.mark.parametrize(
        ("url", "owner", "message"),
        [("http://10.0.0.1/", "shop", "public"), ("x", "shop", "web address"), (URL, "blog", "TINTYPE_WEBHOOK_SECRET")],
    )
    def test_reports_what_is_wrong(self, url: str, owner: str, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            WebhookParser(Policy(), WebhookSigner([], {"shop": [SECRET]})).check_url(url, owner)
