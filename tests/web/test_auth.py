"""Authentication by API keys and signed URLs, in Flask and in the fast path."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import flask
import pytest
from werkzeug.test import TestResponse

from tests.support.access import BEARER, HEADER, KEY, SHOP, SIGNATURES, closed
from tests.support.fast_path import FastPathComparison, RawRequest, cache_state
from tests.web.conftest import DAY, URL, Site
from tintype import access_log, logs
from tintype.api_keys import ApiKey
from tintype.errors import Forbidden, HostNotAllowed, Unauthorized
from tintype.web.auth import Authenticator
from tintype.web.rate_limit import RateLimits


def query(path: str = "/thumb", **parameters: Any) -> dict[str, str]:
    pairs = [(name, str(value)) for name, value in {"url": URL, **parameters}.items()]
    return {**dict(pairs), "sig": SIGNATURES.sign(path, pairs)}


@pytest.fixture
def site() -> Site:
    return closed(SHOP)


def send(site: Site, parameters: dict[str, str], path: str = "/thumb", **more: Any) -> TestResponse:
    return site.client.get(path, query_string=parameters, **more)


class TestPublicService:
    def test_accepts_a_request_without_a_key(self) -> None:
        assert Site().thumb().status_code == 200

    @pytest.mark.parametrize("name", ["sig", "expires"])
    def test_keeps_unchecked_signatures_out_of_caches(self, name: str) -> None:
        comparison = FastPathComparison()
        for value in range(3):
            for _ in range(2):
                status, fields, _ = comparison.send(RawRequest(query=f"url={URL}&{name}={value}"))
                assert (status, dict(fields)["Cache-Control"].partition(",")[0]) == ("200 OK", "private")
        assert comparison.delegated == 6
        assert [len(site.engine.shots) for site in comparison.sites] == [1, 1]

    def test_finds_unchecked_signatures_however_they_are_spelled(self) -> None:
        site = Site()
        assert site.get_raw(f"url={URL}&s%69g=1").headers["Cache-Control"].startswith("private")
        assert site.get_raw(f"url={URL}").headers["Cache-Control"].startswith("public")


class TestApiKey:
    @pytest.mark.parametrize(
        "headers", [BEARER, HEADER, {"Authorization": f"bearer  {KEY} "}, {**HEADER, "Authorization": "Basic YTpi"}]
    )
    def test_accepts_a_known_key_and_makes_the_response_private(self, site: Site, headers: dict[str, str]) -> None:
        answer = site.thumb(headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == f"private, max-age={DAY}, stale-while-revalidate={7 * DAY}"

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": "Bearer "}, {"X-Api-Key": ""}, {"X-Api-Key": KEY + "x"}, {"Authorization": KEY}],
    )
    def test_rejects_a_missing_or_unknown_key(self, site: Site, headers: dict[str, str]) -> None:
        answer = site.thumb(headers=headers)
        assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tintype"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert KEY not in answer.text
        assert site.engine.shots == []

    @pytest.mark.parametrize(
        "headers",
        [
            {**HEADER, "Authorization": "Bearer token-of-a-proxy"},
            {**BEARER, "X-Api-Key": "key-of-another-service"},
            {**BEARER, "X-Api-Key": ""},
        ],
    )
    def test_accepts_a_known_key_beside_one_of_a_proxy(self, site: Site, headers: dict[str, str]) -> None:
        assert site.thumb(headers=headers).status_code == 200

    def test_compares_the_bytes_of_the_header_with_a_digest(self) -> None:
        key = "schlüssel-des-ladens"
        hashed = ApiKey.parse(f"shop:sha256-{hashlib.sha256(key.encode()).hexdigest()}")
        sent = key.encode().decode("latin-1")  # as WSGI passes a field in UTF-8 on
        assert closed(hashed).thumb(headers={"X-Api-Key": sent}).status_code == 200

    def test_persist_post_and_meta_require_a_key(self, site: Site) -> None:
        refused = [
            site.persist(),
            site.client.post("/thumb", json={"url": URL}),
            site.client.post("/thumb", json={"url": URL}, query_string=query()),
            site.client.get("/meta", query_string={"url": URL}),
        ]
        assert [answer.status_code for answer in refused] == [401] * 4
        assert site.client.post("/persist", json={"url": URL}, headers=HEADER).status_code == 200

    def test_stored_objects_and_health_require_no_key(self, site: Site) -> None:
        lasting = site.client.post("/persist", json={"url": URL}, headers=HEADER).json["url"]
        assert site.client.get(lasting).status_code == 200
        assert site.client.get("/health").status_code == 200

    def test_accepts_a_key_configured_as_a_digest(self) -> None:
        hashed = ApiKey.parse(f"shop:sha256-{hashlib.sha256(KEY.encode()).hexdigest()}")
        assert closed(hashed).thumb(headers=HEADER).status_code == 200

    def test_checks_the_key_before_the_parameters(self, site: Site) -> None:
        assert site.thumb(width=1).status_code == 401
        assert site.thumb(width=1, headers=HEADER).status_code == 400

    def test_missing_key_can_be_reported_as_an_image(self, site: Site) -> None:
        answer = site.thumb(on_error="image", format="webp", thumb_width=320)
        assert (answer.status_code, answer.content_type) == (401, "image/webp")


class TestOwner:
    """Owners of schedules, whose requests are of the past."""

    def test_key_covers_its_hosts_as_in_a_request(self) -> None:
        keys = [ApiKey.parse(text) for text in (f"shop:{'s' * 20}:hosts=a.org", f"blog:{'b' * 20}")]
        authenticator = Authenticator(keys)
        for owner, host in (("shop", "a.org"), ("blog", "b.org"), ("", "b.org")):
            authenticator.check_owner(owner, host)
        with pytest.raises(HostNotAllowed, match=r"only a\.org"):
            authenticator.check_owner("shop", "b.org")

    def test_removed_key_covers_nothing(self) -> None:
        with pytest.raises(HostNotAllowed, match="shop does not exist any more"):
            Authenticator().check_owner("shop", "a.org")


class TestRateLimitOfAKey:
    def test_counts_by_key_and_not_by_address(self) -> None:
        blog = ApiKey.parse("blog:a-key-of-the-blog-1:4 per minute")
        site = closed(SHOP, blog, rate_limits=RateLimits(thumb="2 per minute", per_key={"blog": blog.limits}))

        def statuses(key: str, times: int) -> list[int]:
            return [
                site.client.get(
                    "/thumb",
                    query_string={"url": URL},
                    headers={"X-Api-Key": key},
                    environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
                ).status_code
                for number in range(times)
            ]

        assert statuses(KEY, 3) == [200, 200, 429]
        assert statuses("a-key-of-the-blog-1", 5) == [200] * 4 + [429]

    def test_counts_signed_urls_by_address(self) -> None:
        site = closed(rate_limits=RateLimits(thumb="2 per minute"))
        assert [send(site, query()).status_code for _ in range(3)] == [200, 200, 429]

    def test_ignores_rejected_requests(self) -> None:
        site = closed(SHOP, rate_limits=RateLimits(thumb="2 per minute"))
        for _ in range(5):
            site.thumb()
        assert site.thumb(headers=HEADER).headers["RateLimit"].startswith('"thumb";r=1;')


class TestSignedUrl:
    def test_accepts_a_signed_url_without_a_key(self, site: Site) -> None:
        answer = send(site, query(thumb_width=320))
        assert (answer.status_code, answer.headers["Cache-Control"][:6]) == (200, "public")
        assert send(site, query("/meta"), "/meta").status_code not in {401, 403}

    @pytest.mark.parametrize(
        "headers", [{"Authorization": "Bearer token-of-a-proxy"}, {"X-Api-Key": "of-another-service"}]
    )
    def test_needs_no_key_beside_it(self, site: Site, headers: dict[str, str]) -> None:
        answer = send(site, query(), headers=headers)
        assert (answer.status_code, answer.headers["Cache-Control"][:6]) == (200, "public")

    def test_wrong_signature_is_rejected_even_with_a_key(self, site: Site) -> None:
        assert send(site, {**query(), "sig": "0" * 64}, headers=HEADER).status_code == 403

    def test_rejects_a_signature_of_another_route(self, site: Site) -> None:
        assert send(site, query("/meta")).status_code == 403
        assert site.persist(**query("/persist")).status_code == 401

    def test_changed_query_is_rejected(self, site: Site) -> None:
        answer = send(site, {**query(thumb_width=320), "thumb_width": "640"})
        assert (answer.status_code, answer.json["error"]) == (403, "bad-signature")
        assert site.engine.shots == []

    def test_rejects_unsigned_urls_if_no_keys_are_configured(self) -> None:
        site = closed()
        assert send(site, query()).status_code == 200
        assert [site.thumb().status_code, site.persist().status_code] == [403, 403]

    def test_limits_max_age_to_its_expiry(self, site: Site) -> None:
        now = int(site.clock())
        soon = send(site, query(expires=now + 60))
        assert soon.headers["Cache-Control"] == "public, max-age=60"
        site.clock.advance(30)
        assert send(site, query(expires=now + 90)).headers["Cache-Control"] == "public, max-age=90"
        late = send(site, query(expires=now + DAY + 100))
        assert late.headers["Cache-Control"] == f"public, max-age={DAY}, stale-while-revalidate=100"

    def test_expired_url_is_rejected(self, site: Site) -> None:
        parameters = query(expires=int(site.clock()) + 60)
        assert send(site, parameters).status_code == 200
        site.clock.advance(61)
        assert send(site, parameters).status_code == 403

    def test_shares_the_cache_entry_of_the_unsigned_url(self, site: Site) -> None:
        for _ in range(2):
            send(site, query())
            send(site, query(expires=int(site.clock()) + 60))
            site.thumb(headers=HEADER)
        assert len(site.engine.shots) == 1


class TestFastPathAuthentication:
    @pytest.fixture
    def comparison(self) -> FastPathComparison:
        comparison = FastPathComparison(rate_limits=RateLimits(thumb="50 per minute"))
        for site in comparison.sites:
            site.authenticator.keys, site.authenticator._signer, site.authenticator._clock = (
                (SHOP,),
                SIGNATURES,
                site.clock,
            )
        return comparison

    @staticmethod
    def signed(**parameters: Any) -> str:
        return urlencode(query(**parameters))

    def test_serves_requests_with_a_key_or_a_signature(self, comparison: FastPathComparison) -> None:
        for request in (RawRequest(headers=HEADER), RawRequest(query=self.signed(width=800))):
            assert [cache_state(comparison.send(request)) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        assert comparison.delegated == 4

    def test_serves_signed_urls_with_a_key_of_a_proxy(self, comparison: FastPathComparison) -> None:
        request = RawRequest(query=self.signed(width=800), headers={"Authorization": "Bearer token-of-a-proxy"})
        assert [cache_state(comparison.send(request)) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        assert comparison.delegated == 2

    def test_delegates_requests_without_valid_authentication(self, comparison: FastPathComparison) -> None:
        for _ in range(2):
            assert comparison.send(RawRequest(headers=HEADER))[0] == "200 OK"
            assert comparison.send(RawRequest())[0] == "401 UNAUTHORIZED"
            assert comparison.send(RawRequest(headers={"X-Api-Key": "another-key-of-16"}))[0] == "401 UNAUTHORIZED"

    def test_rejects_a_signed_url_from_the_second_it_expires(self, comparison: FastPathComparison) -> None:
        until = int(comparison.sites[0].clock()) + 60
        request = RawRequest(query=self.signed(expires=until))
        assert [comparison.send(request)[0] for _ in range(2)] == ["200 OK"] * 2
        comparison.advance(59)
        assert comparison.send(request)[0] == "200 OK"
        comparison.advance(1.5)
        assert comparison.send(request)[0] == "403 FORBIDDEN"

    def test_caches_the_signature_of_a_url_first_requested_with_a_key(self, comparison: FastPathComparison) -> None:
        text = self.signed(width=900)
        comparison.send(RawRequest(query=text, headers=HEADER))
        states = [cache_state(comparison.send(RawRequest(query=text))) for _ in range(3)]
        assert (states, comparison.delegated) == (["HIT"] * 3, 2)

    def test_keeps_private_and_public_responses_apart(self, comparison: FastPathComparison) -> None:
        text = self.signed(width=900)
        for headers in ({}, HEADER, {}, HEADER):
            comparison.send(RawRequest(query=text, headers=headers))


ADMIN_KEY = "an-admin-key-of-16"
ADMIN = ApiKey.parse(f"anna:{ADMIN_KEY}")


def admit(authenticator: Authenticator, headers: dict[str, str] | None = None, query: str = "") -> str:
    """The name of the admin key, in the context of one request."""
    with flask.Flask(__name__).test_request_context(f"/stored{query}", headers=headers):
        return authenticator.require_admin(flask.request)


class TestAdminKey:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": f"Bearer {ADMIN_KEY}"},
            {"X-Api-Key": ADMIN_KEY},
            {"X-Api-Key": ADMIN_KEY, "Authorization": "Basic YTpi"},
        ],
    )
    def test_admits_an_operator_by_name(self, headers: dict[str, str]) -> None:
        hashed = ApiKey.parse(f"ben:sha256-{hashlib.sha256(ADMIN_KEY.encode()).hexdigest()}")
        assert admit(Authenticator(admin_keys=[ADMIN]), headers) == "anna"
        assert admit(Authenticator([SHOP], SIGNATURES, admin_keys=[hashed]), headers) == "ben"

    @pytest.mark.parametrize("headers", [{}, {"X-Api-Key": ADMIN_KEY}, HEADER])
    def test_forbids_every_request_if_the_service_has_no_admin_keys(self, headers: dict[str, str]) -> None:
        for authenticator in (Authenticator(), Authenticator([SHOP], SIGNATURES)):
            with pytest.raises(Forbidden, match="set TINTYPE_ADMIN_KEYS to enable it"):
                admit(authenticator, headers)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Api-Key": ""},
            {"X-Api-Key": ADMIN_KEY + "x"},
            {"X-Api-Key": "anna"},
            {"X-Api-Key": f"anna:{ADMIN_KEY}"},
            {"X-Api-Key": ADMIN.digest.hex()},
            {"Authorization": ADMIN_KEY},
            {"Authorization": f"Basic {ADMIN_KEY}"},
            {"X-Api-Key": "\u00e9" * 20},
        ],
    )
    def test_rejects_a_missing_or_unknown_key(self, headers: dict[str, str]) -> None:
        with pytest.raises(Unauthorized) as caught:
            admit(Authenticator([SHOP], SIGNATURES, admin_keys=[ADMIN]), headers)
        assert ADMIN_KEY not in caught.value.detail

    def test_rejects_an_api_key_and_a_signed_url(self) -> None:
        authenticator = Authenticator([SHOP], SIGNATURES, admin_keys=[ADMIN])
        with pytest.raises(Forbidden, match="no admin key"):
            admit(authenticator, HEADER)
        with pytest.raises(Unauthorized):
            admit(authenticator, query=f"?sig={SIGNATURES.sign('/stored', [])}")

    def test_gives_no_access_to_thumbnails(self) -> None:
        site = closed(SHOP)
        site.authenticator.admin_keys = (ADMIN,)
        assert site.thumb(headers={"X-Api-Key": ADMIN_KEY}).status_code == 401

    def test_compares_the_same_number_of_keys_for_every_key_that_is_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[bytes] = []

        def compare(first: bytes, second: bytes) -> bool:
            compared.append(first)
            return first == second

        monkeypatch.setattr(hmac, "compare_digest", compare)
        others = [ApiKey.parse(f"n{number}:another-admin-key-{number}") for number in range(5)]
        authenticator = Authenticator([SHOP], admin_keys=[ADMIN, *others])
        counts = []
        for sent in (ADMIN_KEY, "another-admin-key-4", KEY, "unknown-key-of-16"):
            compared.clear()
            with suppress(Forbidden, Unauthorized):
                admit(authenticator, {"X-Api-Key": sent})
            counts.append(len(compared))
        assert counts == [7] * 4


def test_log_contains_the_key_name_and_never_the_key(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    for _ in range(2):
        site.thumb(headers=BEARER)
    access_log.flush()
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["key_name"] for line in lines] == ["shop", "shop"]
    assert not any(KEY in line for line in lines)
