"""Error responses: problem+json, an HTML page, or an image."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from tests.web.conftest import URL, Site
from tintype import errors, imaging
from tintype.api_keys import ApiKey
from tintype.service.limits import WaitingLimit
from tintype.web.auth import Authenticator
from tintype.web.fallback_images import SMALL_SIZES
from tintype.web.playground import Playground
from tintype.web.rate_limit import RateLimits

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


class TestProblemJson:
    @pytest.mark.parametrize(
        "error",
        [kind for kind in errors.ALL if not issubclass(kind, errors.InvalidRequest)],
        ids=lambda kind: kind.code,
    )
    def test_contains_every_error_of_the_engine(self, site: Site, error: type[errors.TintypeError]) -> None:
        site.engine.error = error("what happened")
        seconds = site.engine.error.retry_after
        wait = {"retry_after": int(seconds)} if seconds else {}
        answer = site.thumb()
        assert (answer.status_code, answer.content_type) == (error.status, "application/problem+json")
        assert answer.json == {
            "type": f"urn:tintype:problem:{error.code}",
            "title": error.title,
            "status": error.status,
            "detail": "what happened",
            "instance": f"urn:tintype:request:{answer.headers['X-Request-Id']}",
            "error": error.code,
            "message": "what happened",
            **wait,
        }
        assert answer.headers.get("Retry-After") == (str(wait["retry_after"]) if wait else None)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept" in answer.headers["Vary"]

    def test_retry_after_is_in_whole_seconds(self, site: Site) -> None:
        site.engine.error = errors.Overloaded("the line is full", retry_after=1.2)
        answer = site.thumb()
        assert (answer.headers["Retry-After"], answer.json["retry_after"]) == ("2", 2)

    def test_unexpected_exception_reveals_only_the_request_id(self, site: Site) -> None:
        site.lookup.error = ValueError("postgres://root:hunter2@10.0.0.5/")  # type: ignore[assignment]
        answer = site.thumb()
        assert (answer.status_code, answer.json["error"]) == (500, "internal-error")
        assert answer.json["instance"].endswith(answer.headers["X-Request-Id"])
        assert "hunter2" not in answer.text

    def test_unknown_path_lists_the_routes(self, site: Site) -> None:
        answer = site.client.get("/nothing/here")
        assert (answer.status_code, answer.json["error"]) == (404, "not-found")
        assert "GET /openapi.json, which lists all; the pages for browsers are / and /docs" in answer.json["detail"]

    def test_unknown_path_lists_no_pages_if_there_are_none(self) -> None:
        detail = Site(playground=Playground(enabled=False)).client.get("/nothing/here").json["detail"]
        assert detail.endswith("GET /openapi.json, which lists all")

    def test_errors_have_the_general_headers(self, site: Site) -> None:
        headers = site.client.get("/nothing").headers
        assert (headers["X-Content-Type-Options"], bool(headers["X-Request-Id"])) == ("nosniff", True)

    def test_head_of_an_error_has_no_body(self, site: Site) -> None:
        answer = site.client.head("/thumb")
        assert (answer.status_code, answer.data) == (400, b"")


class TestHtml:
    def test_browser_gets_an_html_page(self, site: Site) -> None:
        answer = site.get_raw(f"url={URL}&width=1&<script>=1", headers={"Accept": BROWSER})
        assert (answer.status_code, answer.mimetype) == (400, "text/html")
        assert "<code>width</code> must be a whole number from 320 to 3840 pixels" in answer.text
        assert "<script>" not in answer.text
        assert answer.headers["X-Request-Id"] in answer.text

    def test_browser_gets_html_for_unknown_paths(self, site: Site) -> None:
        answer = site.client.get("/nothing", headers={"Accept": BROWSER})
        assert (answer.status_code, answer.mimetype, "Not found" in answer.text) == (404, "text/html", True)

    def test_csp_allows_only_the_inline_style(self, site: Site) -> None:
        answer = site.client.get("/nothing", headers={"Accept": BROWSER})
        style = re.search("<style>(.*)</style>", answer.text, re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
        assert not re.search("src=|https?://|<script", answer.text)

    def test_leads_home(self, site: Site) -> None:
        links = re.findall('href="([^"]*)"', site.client.get("/nothing/here", headers={"Accept": BROWSER}).text)
        assert links == ["/", "/", "/docs", "/openapi.json"]
        for link in links:
            assert site.client.get(link).status_code == 200

    def test_leads_home_below_the_path_of_a_proxy(self) -> None:
        site = Site(trusted_proxies=("127.0.0.1",))
        headers = {"Accept": BROWSER, "X-Forwarded-Prefix": "/thumbs"}
        assert 'href="/thumbs/docs"' in site.client.get("/nothing", headers=headers).text

    def test_leads_to_the_form_with_the_options(self, site: Site) -> None:
        answer = site.client.get(
            "/thumb", query_string={"url": URL, "width": "1", "sig": "0", "css": '"><b>'}, headers={"Accept": BROWSER}
        )
        assert "/?url=https%3A%2F%2Fsite.org%2F&amp;width=1&amp;css=%22%3E%3Cb%3E" in answer.text
        assert "<b>" not in answer.text

    def test_leads_to_no_page_that_is_disabled(self) -> None:
        site = Site(playground=Playground(enabled=False))
        links = re.findall('href="([^"]*)"', site.client.get("/nothing", headers={"Accept": BROWSER}).text)
        assert links == ["/openapi.json"]

    def test_repeats_no_sentence(self, site: Site) -> None:
        site.engine.error = errors.EngineError()
        text = site.thumb(headers={"Accept": BROWSER}).text
        assert text.partition("<body>")[2].count(errors.EngineError.title) == 1

    def test_names_the_seconds_until_a_retry(self, site: Site) -> None:
        site.engine.error = errors.Overloaded("the queue is full", retry_after=7)
        text = site.thumb(headers={"Accept": BROWSER}).text
        assert "The queue is full." in text
        assert "Try again in 7 s." in text

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "", "application/json, text/html;q=0.9", "image/*"])
    def test_other_clients_get_json(self, site: Site, accept: str) -> None:
        assert site.client.get("/nothing", headers={"Accept": accept}).mimetype == "application/problem+json"


class TestErrorImage:
    def test_replaces_the_thumbnail_if_requested(self, site: Site) -> None:
        site.engine.error = errors.TargetUnreachable("the name is not known")
        answer = site.thumb(on_error="image", thumb_width=320, format="webp", headers={"Accept": BROWSER})
        assert (answer.status_code, answer.content_type) == (502, "image/webp")
        assert imaging.size(answer.data)[:2] == (320, 180)
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("options", "size"),
        [
            ({}, (1280, 720)),
            ({"width": 800, "height": 600}, (800, 600)),
            ({"thumb_height": 90}, (160, 90)),
            ({"thumb_width": 300, "thumb_height": 300}, (300, 300)),
            ({"device": "iphone-14", "thumb_width": 195}, (195, 422)),
            ({"width": 3840, "height": 240, "thumb_height": 3840}, (3840, 240)),
        ],
    )
    def test_has_the_size_of_the_thumbnail(self, site: Site, options: dict[str, Any], size: tuple[int, int]) -> None:
        site.engine.error = errors.TargetUnreachable("x")
        assert imaging.size(site.thumb(on_error="image", **options).data)[:2] == size

    def test_works_for_invalid_parameters(self, site: Site) -> None:
        answer = site.thumb(on_error="image", width="wide", format="gif", nonsense="1", thumb_width=200)
        assert (answer.status_code, answer.content_type) == (400, "image/png")
        assert imaging.size(answer.data)[0] == 200

    @pytest.mark.parametrize("error", [errors.Overloaded(), errors.TargetDenied()])
    def test_repeats_no_sentence(self, site: Site, error: errors.TintypeError, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn: list[tuple[str, str]] = []
        draw = imaging.draw_error_card

        def record(title: str, reason: str, **size: Any) -> Any:
            drawn.append((title, reason))
            return draw(title, reason, **size)

        monkeypatch.setattr(imaging, "draw_error_card", record)
        site.engine.error = error
        assert site.thumb(on_error="image").content_type == "image/png"
        ((title, reason),) = drawn
        assert title != reason

    def test_works_for_a_denied_target(self, site: Site) -> None:
        answer = site.thumb("http://localhost/", on_error="image", format="auto", headers={"Accept": "image/webp"})
        assert (answer.status_code, answer.content_type) == (400, "image/webp")

    def test_has_cors_headers(self, site: Site) -> None:
        answer = site.thumb("ftp://x", on_error="image")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"

    def test_persist_ignores_on_error(self, site: Site) -> None:
        assert site.persist(url="ftp://x", on_error="image").content_type == "application/problem+json"


KEYS = Authenticator([ApiKey.parse("honest:a-key-of-the-honest-1")])
LARGE: dict[str, Any] = {"on_error": "image", "width": 3840, "height": 2160}


class TestErrorImageOfAnUncountedRequest:
    @pytest.mark.parametrize("sizes", [(3840, 2160), (3839, 2160), (640, 3000), (3840, 240), (100, 100)])
    def test_draws_one_of_a_few_sizes(self, sizes: tuple[int, int]) -> None:
        answer = Site(authenticator=KEYS).thumb(on_error="image", width=sizes[0], height=sizes[1])
        assert answer.status_code == 401
        assert imaging.size(answer.data)[:2] in SMALL_SIZES

    def test_draws_no_image_larger_than_the_thumbnail(self) -> None:
        answer = Site(authenticator=KEYS).thumb(on_error="image", width=1000, height=240)
        assert imaging.size(answer.data)[:2] == (320, 180)

    def test_draws_a_small_one_for_a_query_that_cannot_be_read(self) -> None:
        site = Site(authenticator=KEYS)
        answer = site.get_raw("on_error=image&width=3840&height=2160&url=%ff")
        assert answer.content_length is not None
        assert answer.content_length < 10_000

    def test_draws_a_small_one_for_a_client_over_its_limit(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per hour"))
        site.thumb()
        answer = site.thumb(**LARGE)
        assert (answer.status_code, imaging.size(answer.data)[:2]) == (429, (640, 360))

    def test_draws_one_image_for_all_sizes_and_times(self, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn: list[int] = []
        draw = imaging.draw_error_card
        monkeypatch.setattr(imaging, "draw_error_card", lambda *a, **k: drawn.append(1) or draw(*a, **k))
        site = Site(rate_limits=RateLimits(thumb="1 per hour"))
        site.thumb()
        for number in range(20):
            assert site.thumb(on_error="image", width=3840 - number, height=2160 - number).status_code == 429
            site.clock.advance(7)
        assert len(drawn) == 1

    def test_draws_the_full_size_for_a_counted_request(self) -> None:
        site = Site(authenticator=KEYS)
        headers = {"Authorization": "Bearer a-key-of-the-honest-1"}
        answer = site.thumb("ftp://x", headers, on_error="image", width=1920, height=1080)
        assert (answer.status_code, imaging.size(answer.data)[:2]) == (400, (1920, 1080))


class TestErrorImageWhileTheRenderingLimitIsReached:
    def test_returns_problem_json_instead(self) -> None:
        site = Site(waiting_limit=WaitingLimit(1))
        with site.waiting_limit.acquire("other"):
            answer = site.thumb("ftp://x", on_error="image")
        assert (answer.status_code, answer.content_type) == (400, "application/problem+json")

    def test_returns_an_image_that_was_drawn_before(self) -> None:
        site = Site(waiting_limit=WaitingLimit(1))
        before = site.thumb("ftp://x", on_error="image")
        with site.waiting_limit.acquire("other"):
            assert site.thumb("ftp://x", on_error="image").data == before.data

    def test_rejects_a_placeholder(self) -> None:
        site = Site(waiting_limit=WaitingLimit(1))
        with site.waiting_limit.acquire("other"):
            answer = site.thumb(placeholder="true")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
