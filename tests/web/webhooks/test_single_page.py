"""``webhook`` on ``POST /jobs``, ``/thumb`` and ``/persist``: from the request to the signed event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from harness.webhook_receiver import WebhookReceiver
from tests.support.webhooks import OTHER_SECRET, SECRET
from tests.web.webhooks.conftest import WebhookSite
from tintype.api_keys import ApiKey
from tintype.errors import TargetUnreachable
from tintype.web.auth import Authenticator
from tintype.web.rate_limit import RateLimits
from tintype.webhooks import service
from tintype.webhooks.model import PAGE_EVENTS
from tintype.webhooks.signatures import WebhookSigner

URL = "https://site.org/"
KEY = "a-key-of-the-shop-1"


def messages(response: Any) -> dict[str, str]:
    assert response.status_code == 400, response.text
    return {each["parameter"]: each["message"] for each in response.json["errors"]}


def verified(receiver: WebhookReceiver, count: int = 1, secret: str = SECRET) -> list[dict[str, Any]]:
    return [Webhook(secret).verify(each.body, dict(each.headers)) for each in receiver.wait_for(count)]


class TestJobs:
    def test_job_reports_its_webhook(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        response = site.post("/jobs", pages=[URL], webhook=receiver.url("/hook"))
        assert response.status_code == 202, response.text
        assert response.json["webhook"] == {"url": receiver.url("/hook"), "events": ["job.completed", "job.failed"]}

    def test_end_of_a_job_is_sent(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        job = site.post("/jobs", pages=[URL, "https://b.org/"], webhook=receiver.url()).json["id"]
        site.delivered(1)
        (event,) = verified(receiver)
        assert (event["type"], event["data"]["id"], event["data"]["progress"]["captured"]) == ("job.completed", job, 2)
        report = site.client.get(f"/jobs/{job}").json
        assert event["data"] == {name: value for name, value in report.items() if name != "webhook"}

    def test_chosen_events_are_sent(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        hook = {"url": receiver.url(), "events": ["job.completed", "page.captured", "page.captured"]}
        job = site.post("/jobs", pages=[URL, "https://b.org/"], webhook=hook).json["id"]
        site.delivered(3)
        events = verified(receiver, 3)
        assert sorted(each["type"] for each in events) == ["job.completed", "page.captured", "page.captured"]
        pages = {each["data"]["number"]: each["data"] for each in events if each["type"] == "page.captured"}
        for page in site.client.get(f"/jobs/{job}/pages").json["pages"]:
            assert pages[page["number"]] == {"job": job, **page}

    def test_fragment_of_the_url_is_dropped(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        response = site.post("/jobs", pages=[URL], webhook=receiver.url("/hook?utm_source=a#b"))
        assert response.json["webhook"]["url"] == receiver.url("/hook?utm_source=a")

    @pytest.mark.parametrize(
        ("webhook", "parameter", "message"),
        [
            (5, "webhook", "must be a URL"),
            ([], "webhook", "must be a URL"),
            ({}, "webhook.url", "is required"),
            ({"url": 5}, "webhook.url", "is required"),
            ("hooks.example.net", "webhook.url", "must start with http"),
            ("ftp://hooks.site.org/", "webhook.url", "must start with http"),
            ("https://anna:s3cret@hooks.site.org/", "webhook.url", "user name or password"),
            ("http://169.254.169.254/latest", "webhook.url", "must be a public web address"),
            ("http://127.0.0.1:6379/", "webhook.url", "must be a public web address"),
            ("http://localhost:1/", "webhook.url", "must be a public web address"),
            ("https://hooks.site.org/" + "a" * 2048, "webhook.url", "at most 2048 bytes"),
            ({"url": "https://hooks.site.org/", "events": []}, "webhook.events", "page.captured"),
            ({"url": "https://hooks.site.org/", "events": "job.completed"}, "webhook.events", "must be a list"),
            ({"url": "https://hooks.site.org/", "events": ["schedule.changed"]}, "webhook.events", "must be a list"),
            ({"url": "https://hooks.site.org/", "secret": "x"}, "webhook.secret", "is not a member"),
        ],
    )
    def test_each_mistake_is_named(self, webhook: Any, parameter: str, message: str, site: WebhookSite) -> None:
        found = messages(site.post("/jobs", pages=[URL], webhook=webhook))
        assert message in found[parameter]

    def test_mistakes_are_reported_together(self, site: WebhookSite) -> None:
        found = messages(site.post("/jobs", pages=[], webhook={"url": "x", "events": ["y"], "z": 1}))
        assert sorted(found) == ["pages", "webhook.events", "webhook.url", "webhook.z"]

    def test_missing_secret_is_an_error_that_names_the_setting(self, open_site: Any, receiver: WebhookReceiver) -> None:
        site = open_site(signer=WebhookSigner())
        found = messages(site.post("/jobs", pages=[URL], webhook=receiver.url()))
        assert "TINTYPE_WEBHOOK_SECRET" in found["webhook"]
        assert site.post("/jobs", pages=[URL]).status_code == 202

    def test_full_queue_rejects_webhooks_only(
        self, site: WebhookSite, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "MAX_PENDING", -1)
        response = site.post("/jobs", pages=[URL], webhook=receiver.url())
        assert (response.status_code, response.json["error"]) == (503, "overloaded")
        assert response.headers["Retry-After"] == "60"
        assert site.post("/jobs", pages=[URL]).status_code == 202

    def test_links_begin_with_the_public_url(self, open_site: Any, receiver: WebhookReceiver) -> None:
        site = open_site(public_url="https://thumbs.example.com")
        hook = {"url": receiver.url(), "events": ["page.captured"]}
        site.post("/jobs", pages=[URL], webhook=hook)
        site.delivered(1)
        assert verified(receiver)[0]["data"]["stored_url"].startswith("https://thumbs.example.com/stored/")


class TestThumb:
    def test_returns_a_job_and_sends_the_page(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        response = site.post("/thumb", url=URL, thumb_width=320, webhook=receiver.url())
        assert response.status_code == 202, response.text
        assert response.headers["Location"] == f"http://localhost/jobs/{response.json['id']}"
        assert response.headers["Cache-Control"] == "no-store"
        assert (response.json["store"], response.json["webhook"]["events"]) == (False, [*PAGE_EVENTS])
        site.delivered(1)
        (event,) = verified(receiver)
        assert (event["type"], event["data"]["job"]) == ("page.captured", response.json["id"])
        assert (event["data"]["url"], event["data"]["width"], event["data"]["stored_url"]) == (URL, 320, None)

    def test_same_request_without_webhook_is_a_hit(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        site.post("/thumb", url=URL, thumb_width=320, format="png", webhook=receiver.url())
        site.delivered(1)
        response = site.post("/thumb", url=URL, thumb_width=320, format="png")
        assert (response.status_code, response.headers["X-Cache"]) == (200, "HIT")

    def test_format_is_negotiated_as_without_webhook(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        accept = {"Accept": "image/webp"}
        site.post("/thumb", accept, url=URL, format="auto", webhook=receiver.url())
        site.delivered(1)
        assert verified(receiver)[0]["data"]["content_type"] == "image/webp"
        assert site.post("/thumb", accept, url=URL, format="auto").headers["X-Cache"] == "HIT"

    def test_cached_thumbnail_is_reported_too(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        assert site.post("/thumb", url=URL, format="png").status_code == 200
        assert site.post("/thumb", url=URL, format="png", webhook=receiver.url()).status_code == 202
        site.delivered(1)
        assert verified(receiver)[0]["type"] == "page.captured"
        assert site.engine.capture_count == 1

    def test_failure_is_sent(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        site.engine.error = TargetUnreachable("the host does not accept the connection")
        site.post("/thumb", url=URL, webhook=receiver.url())
        site.delivered(1)
        (event,) = verified(receiver)
        assert (event["type"], event["data"]["error"]) == ("page.failed", "target-unreachable")

    @pytest.mark.parametrize(
        ("members", "parameter"),
        [
            ({"url": "nonsense"}, "url"),
            ({"url": URL, "widht": 5}, "widht"),
            ({"url": URL, "cookies": {"a": "b"}}, "cookies"),
            ({"url": URL, "basic_auth": "a:s3cret"}, "basic_auth"),
            ({"html": "<p>x"}, "html"),
            ({}, "url"),
        ],
    )
    def test_mistakes_have_the_names_of_the_request(
        self, members: dict[str, Any], parameter: str, site: WebhookSite, receiver: WebhookReceiver
    ) -> None:
        response = site.post("/thumb", webhook=receiver.url(), **members)
        assert parameter in messages(response)
        assert "s3cret" not in response.text

    def test_repeated_webhook_is_a_mistake(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        hook = json.dumps(receiver.url())
        body = f'{{"url": "{URL}", "webhook": {hook}, "webhook": {hook}}}'
        response = site.client.post("/thumb", data=body, content_type="application/json")
        assert "once" in messages(response)["webhook"]

    def test_query_string_accepts_no_webhook(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        for path in ("/thumb", "/meta"):
            response = site.client.get(path, query_string={"url": URL, "webhook": receiver.url()})
            assert "send it in the JSON body of POST /thumb" in messages(response)["webhook"]

    def test_idempotency_key_returns_the_same_job(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        jobs = {
            site.post("/thumb", {"Idempotency-Key": "k"}, url=URL, webhook=receiver.url()).json["id"] for _ in range(3)
        }
        assert len(jobs) == 1

    def test_requests_count_against_the_rate_limit(self, open_site: Any, receiver: WebhookReceiver) -> None:
        site = open_site(rate_limits=RateLimits(thumb="1 per minute", hit="unlimited"))
        statuses = [site.post("/thumb", url=URL, webhook=receiver.url()).status_code for _ in range(2)]
        assert statuses == [202, 429]

    def test_disabled_jobs_accept_no_webhook(self, open_site: Any, receiver: WebhookReceiver) -> None:
        site = open_site(with_jobs=False)
        assert "disabled" in messages(site.post("/thumb", url=URL, webhook=receiver.url()))["webhook"]


class TestPersist:
    def test_sends_the_permanent_url(self, site: WebhookSite, receiver: WebhookReceiver) -> None:
        response = site.post("/persist", url=URL, webhook=receiver.url())
        assert (response.status_code, response.json["store"]) == (202, True)
        site.delivered(1)
        url = verified(receiver)[0]["data"]["stored_url"]
        assert url.startswith("http://localhost/stored/")
        assert site.client.get(url.removeprefix("http://localhost")).status_code == 200


class TestKeys:
    def test_each_key_signs_with_its_own_secret(self, open_site: Any, receiver: WebhookReceiver) -> None:
        key = ApiKey.parse(f"shop:{KEY}:webhook_secret={OTHER_SECRET}")
        site = open_site(
            authenticator=Authenticator([key]), signer=WebhookSigner([SECRET], {"shop": key.webhook_secrets})
        )
        site.post("/thumb", {"X-Api-Key": KEY}, url=URL, webhook=receiver.url())
        site.start()
        assert verified(receiver, secret=OTHER_SECRET)[0]["type"] == "page.captured"

    def test_hosts_of_the_key_apply(self, open_site: Any, receiver: WebhookReceiver) -> None:
        site = open_site(authenticator=Authenticator([ApiKey.parse(f"shop:{KEY}:hosts=other.org")]))
        response = site.post("/thumb", {"X-Api-Key": KEY}, url=URL, webhook=receiver.url())
        assert "other.org" in response.text
        assert response.status_code in {400, 403}
