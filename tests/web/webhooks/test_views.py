"""``GET /webhooks/deliveries`` and ``POST /webhooks/deliveries/<id>/resend``."""

from __future__ import annotations

from typing import Any

import pytest

from harness.webhook_receiver import Reply, WebhookReceiver
from tests.support.contracts.deliveries import DELIVERED, FAILED, STOPPED, again, new_delivery
from tests.support.webhooks import eventually
from tests.web.webhooks.conftest import WebhookSite
from tintype.api_keys import ApiKey
from tintype.web.auth import Authenticator
from tintype.web.rate_limit import RateLimits
from tintype.webhooks.model import AttemptResult, DeliveryLimits

KEYS = {name: f"a-key-of-the-{name}-1" for name in ("shop", "blog")}


def add(site: WebhookSite, name: str, result: AttemptResult | None = None, owner: str = "") -> None:
    site.deliveries.add([new_delivery(name, f"https://{name}.example/", subject=name, owner=owner)])
    if result:
        lease = site.deliveries.claim(DeliveryLimits(), 20)
        assert lease
        assert site.deliveries.finish(lease, result)


class TestList:
    def test_reports_each_delivery(self, site: WebhookSite) -> None:
        add(site, "one", again(600))
        (found,) = site.listed()
        times = [found.pop(name) for name in ("created_at", "next_attempt_at")]
        assert all(text.endswith("Z") for text in times)
        assert found == {
            "id": "one", "event": "job.completed", "url": "https://one.example/", "subject": "one", "page": None,
            "state": "pending", "attempts": 1, "http_status": 500, "error": "the receiver returned status 500",
            "ended_at": None,
        }  # fmt: skip

    @pytest.mark.parametrize("state", ["pending", "delivered", "failed", "stopped"])
    def test_filters_by_state(self, state: str, site: WebhookSite) -> None:
        for name, result in (("delivered", DELIVERED), ("failed", FAILED), ("stopped", STOPPED), ("pending", None)):
            add(site, name, result)
        assert [each["id"] for each in site.listed(f"?state={state}")] == [state]

    def test_pages_by_cursor(self, site: WebhookSite) -> None:
        for number in range(5):
            add(site, str(number))
        first = site.client.get("/webhooks/deliveries?limit=3").json
        second = site.client.get(f"/webhooks/deliveries?limit=3&before={first['next']}").json
        assert [[each["id"] for each in body["deliveries"]] for body in (first, second)] == [
            ["4", "3", "2"],
            ["1", "0"],
        ]
        assert second["next"] is None

    @pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=1001", "colour=red", "limit=1&limit=2"])
    def test_names_a_wrong_parameter(self, query: str, site: WebhookSite) -> None:
        response = site.client.get(f"/webhooks/deliveries?{query}")
        assert response.status_code == 400
        assert response.json["errors"][0]["parameter"] == query.partition("=")[0]

    def test_response_is_not_cached(self, site: WebhookSite) -> None:
        assert site.client.get("/webhooks/deliveries").headers["Cache-Control"] == "no-store"


class TestOwners:
    @pytest.fixture
    def site(self, open_site: Any) -> WebhookSite:
        keys = [ApiKey.parse(f"{name}:{key}") for name, key in KEYS.items()]
        site = open_site(authenticator=Authenticator(keys))
        for name in KEYS:
            add(site, f"of-{name}", owner=name)
        return site

    def test_list_has_own_deliveries_only(self, site: WebhookSite) -> None:
        for name, key in KEYS.items():
            assert [each["id"] for each in site.listed(headers={"X-Api-Key": key})] == [f"of-{name}"]
        assert site.client.get("/webhooks/deliveries").status_code == 401

    def test_resend_needs_an_own_delivery(self, site: WebhookSite) -> None:
        statuses = [
            site.client.post(f"/webhooks/deliveries/{name}/resend", headers={"X-Api-Key": KEYS["shop"]}).status_code
            for name in ("of-shop", "of-blog", "of-nobody")
        ]
        assert statuses == [200, 404, 404]


class TestResend:
    def test_sends_again_with_the_same_id_and_body(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(410), Reply(204)]
        site.post("/thumb", url="https://site.org/", webhook=receiver.url())
        site.start()
        assert eventually(lambda: site.listed("?state=stopped"))
        (stopped,) = site.listed()
        response = site.client.post(f"/webhooks/deliveries/{stopped['id']}/resend")
        assert (response.status_code, response.json["id"]) == (200, stopped["id"])
        first, second = receiver.wait_for(2)
        assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
        assert eventually(lambda: site.listed("?state=delivered"))

    def test_counts_against_the_rate_limit_of_jobs(self, open_site: Any) -> None:
        site = open_site(rate_limits=RateLimits(jobs="1 per minute"))
        add(site, "one")
        statuses = [site.client.post("/webhooks/deliveries/one/resend").status_code for _ in range(2)]
        assert statuses == [200, 429]

    def test_accepts_no_parameters(self, site: WebhookSite) -> None:
        add(site, "one")
        assert site.client.post("/webhooks/deliveries/one/resend?now=1").status_code == 400
