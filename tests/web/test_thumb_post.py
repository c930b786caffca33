"""``POST /thumb``: options as JSON, credentials, and inline HTML."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from tests.support.problems import invalid_parameters
from tests.web.conftest import URL, Site
from tintype import errors, imaging
from tintype.options import INLINE_HTML_URL

SECRETS: dict[str, Any] = {
    "headers": {"Authorization": "Bearer s3cret"},
    "cookies": {"session": "s3cret"},
    "basic_auth": "anna:s3cret",
}
secretly = pytest.mark.parametrize("secret", [{name: value} for name, value in SECRETS.items()], ids=SECRETS)


def post(site: Site, **members: Any) -> TestResponse:
    return site.client.post("/thumb", json={"url": URL, **members})


class TestPost:
    def test_returns_the_same_thumbnail_as_get(self, site: Site) -> None:
        posted = post(site, thumb_width=320, format="webp")
        got = site.thumb(thumb_width=320, format="webp")
        assert (posted.status_code, posted.content_type) == (200, "image/webp")
        assert posted.data == got.data
        assert (posted.headers["X-Cache"], got.headers["X-Cache"]) == ("MISS", "HIT")
        assert posted.headers["Cross-Origin-Resource-Policy"] == "cross-origin"

    @pytest.mark.parametrize("members", [{}, {"html": "<p>a", "url": None}, {"ttl": 60}, {"fresh": True}])
    def test_no_cache_may_keep_the_response(self, site: Site, members: dict[str, Any]) -> None:
        answers = [post(site, **members) for _ in range(2)]
        assert [answer.headers["Cache-Control"] for answer in answers] == ["private, no-store"] * 2
        assert site.persist(**members).headers["Cache-Control"] == "no-store"

    def test_negotiates_the_format(self, site: Site) -> None:
        answer = site.client.post("/thumb", json={"url": URL, "format": "auto"}, headers={"Accept": "image/avif"})
        assert (answer.content_type, answer.headers["Vary"]) == ("image/avif", "Accept, Origin")

    def test_has_cors_headers(self, site: Site) -> None:
        answer = site.client.options("/thumb", headers={"Origin": "https://a.org"})
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "*, Authorization"

    def test_rejects_other_media_types(self, site: Site) -> None:
        assert site.client.post("/thumb", data="url=x").status_code == 415

    def test_returns_an_error_image_if_requested(self, site: Site) -> None:
        site.engine.error = errors.TargetUnreachable()
        answer = post(site, on_error="image", thumb_width=320, format="webp", **SECRETS)
        assert (answer.status_code, answer.content_type) == (502, "image/webp")
        assert imaging.size(answer.data)[0] == 320

    def test_rejects_a_large_body(self, site: Site) -> None:
        assert post(site, html="x" * (1 << 20)).status_code == 413

    def test_reports_every_invalid_parameter(self, site: Site) -> None:
        assert set(invalid_parameters(post(site, width=1, fit="crop", cookies=5))) == {"width", "fit", "cookies"}


class TestCredentials:
    @secretly
    def test_rejects_credentials_in_a_query_string(self, site: Site, secret: dict[str, Any]) -> None:
        ((name, value),) = secret.items()
        query = {"url": URL, name: value if isinstance(value, str) else json.dumps(value)}
        answer = site.client.get("/thumb", query_string=query)
        assert "POST" in invalid_parameters(answer)[name]
        assert "s3cret" not in answer.text
        assert site.engine.capture_count == 0

    def test_reach_the_engine(self, site: Site) -> None:
        assert post(site, **SECRETS).status_code == 200
        sent = site.engine.shots[-1].credentials
        assert sent.headers == (("authorization", "Bearer s3cret"),)
        assert sent.cookies == (("session", "s3cret", "/", ""),)
        assert sent.basic_auth == ("anna", "s3cret")

    @secretly
    def test_caches_nothing(self, site: Site, secret: dict[str, Any]) -> None:
        first, second = post(site, **secret), post(site, **secret)
        assert first.data != second.data
        assert site.engine.capture_count == 2
        assert [answer.headers["X-Cache"] for answer in (first, second)] == ["MISS", "MISS"]
        assert first.headers["Cache-Control"] == "private, no-store"
        assert site.records.keys() == site.masters.keys() == []

    @secretly
    def test_never_share_captures_with_other_requests(self, site: Site, secret: dict[str, Any]) -> None:
        public = site.thumb()
        private = post(site, **secret)
        assert private.data != public.data
        assert site.thumb().data == public.data
        assert post(site).data == public.data

    def test_errors_are_not_cached(self, site: Site) -> None:
        site.engine.error = errors.TargetUnreachable()
        assert post(site, **SECRETS).status_code == 502
        site.engine.error = None
        assert post(site, **SECRETS).status_code == 200
        assert site.records.keys() == []

    def test_target_is_checked_as_any_other(self, site: Site) -> None:
        site.lookup.error = errors.TargetDenied()
        assert post(site, **SECRETS).json["error"] == "target-denied"
        assert site.engine.capture_count == 0

    @secretly
    def test_persisted_thumbnails_are_never_reused(self, site: Site, secret: dict[str, Any]) -> None:
        first, second = site.persist(**secret), site.persist(**secret)
        assert (first.json["cached"], second.json["cached"]) == (False, False)
        assert first.json["key"] != second.json["key"]
        assert site.client.get(first.json["url"].removeprefix("http://localhost")).status_code == 200
        assert site.records.keys() == site.masters.keys() == []

    def test_never_quotes_or_logs_them(self, site: Site) -> None:
        broken = {"headers": {"Host": "s3cret"}, "cookies": {"s3cret;": "s3cret"}, "basic_auth": "s3cret"}
        with capture_logs() as lines:
            answers = [post(site, **SECRETS), post(site, **broken), site.persist(**SECRETS)]
            site.engine.error = errors.EngineError()
            answers.append(post(site, **SECRETS))
        assert set(invalid_parameters(answers[1])) == set(broken)
        assert "s3cret" not in str(lines) + "".join(answer.text for answer in answers[1:])
        assert all("s3cret" not in str(answer.headers) for answer in answers)

    def test_traceback_does_not_contain_them(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        site.engine.error = RuntimeError("boom")  # type: ignore[assignment]
        assert post(site, **SECRETS).status_code == 500
        assert "s3cret" not in "".join(capsys.readouterr())

    @pytest.mark.parametrize(("domain", "fits"), [("site.org", True), (".org", True), ("other.org", False)])
    def test_rejects_cookies_of_another_domain(self, site: Site, domain: str, fits: bool) -> None:
        answer = post(site, cookies=[{"name": "a", "value": "1", "domain": domain, "httpOnly": True}])
        assert answer.status_code == (200 if fits else 400)


class TestInlineHtml:
    PAGE = "<!doctype html><h1>Hello</h1>"

    def test_replaces_the_url(self, site: Site) -> None:
        answer = site.client.post("/thumb", json={"html": self.PAGE})
        assert imaging.size(answer.data)[:2] == (1280, 720)
        assert site.engine.shots[-1].navigation.html == self.PAGE
        assert site.engine.shots[-1].url == INLINE_HTML_URL
        assert site.lookup.checked == []

    def test_caches_by_content(self, site: Site) -> None:
        states = [
            site.client.post("/thumb", json={"html": html}).headers["X-Cache"]
            for html in (self.PAGE, self.PAGE + "!", self.PAGE)
        ]
        assert states == ["MISS", "MISS", "HIT"]

    def test_persist_stores_a_thumbnail(self, site: Site) -> None:
        assert site.client.post("/persist", json={"html": self.PAGE}).json["cached"] is False
        assert site.client.post("/persist", json={"html": self.PAGE}).json["cached"] is True

    def test_rejects_html_in_a_query_string(self, site: Site) -> None:
        assert "POST" in invalid_parameters(site.client.get("/thumb", query_string={"html": self.PAGE}))["html"]

    def test_rejects_html_together_with_a_url(self, site: Site) -> None:
        assert "url" in invalid_parameters(post(site, html=self.PAGE))["html"]

    @secretly
    def test_rejects_html_together_with_credentials(self, site: Site, secret: dict[str, Any]) -> None:
        assert list(invalid_parameters(site.client.post("/thumb", json={"html": self.PAGE, **secret}))) == list(secret)

    def test_rejects_html_if_hosts_are_restricted(self) -> None:
        site = Site(allow_hosts=("site.org",))
        assert list(invalid_parameters(site.client.post("/thumb", json={"html": self.PAGE}))) == ["html"]
