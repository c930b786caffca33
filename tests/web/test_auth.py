"""Keys and signatures: who is answered, what shared caches may keep, and that the fast path asks too."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from tests.web.conftest import DAY, URL, Site
from tests.web.test_fast_path import Ask, Twins, state
from tintype import logs
from tintype.signing import UrlSigner
from tintype.web.auth import ApiKey, Authenticator
from tintype.web.rate_limit import RateLimits

KEY, SIGNING = "a-key-of-the-shop-1", "a key that signs addresses"
BEARER, HEADER = {"Authorization": f"Bearer {KEY}"}, {"X-Api-Key": KEY}
SHOP = ApiKey.parse(f"shop:{KEY}")
SIGNATURES = UrlSigner([SIGNING])


def query(path: str = "/thumb", **parameters: Any) -> dict[str, str]:
    pairs = [(name, str(value)) for name, value in {"url": URL, **parameters}.items()]
    return {**dict(pairs), "sig": SIGNATURES.sign(path, pairs)}


def closed(*keys: ApiKey, signatures: UrlSigner | None = SIGNATURES, **options: Any) -> Site:
    site = Site(**options)
    return Site(access=Authenticator(keys, signatures, site.clock), clock=site.clock, **options)


@pytest.fixture
def site() -> Site:
    return closed(SHOP)


def ask(site: Site, parameters: dict[str, str], path: str = "/thumb", **more: Any) -> TestResponse:
    return site.client.get(path, query_string=parameters, **more)


class TestWithoutEither:
    def test_everybody_is_answered(self) -> None:
        assert Site().thumb().status_code == 200

    def test_a_signature_is_not_looked_at(self) -> None:
        answer = ask(Site(), {"url": URL, "sig": "0", "expires": "1"})
        assert (answer.status_code, answer.headers["Cache-Control"][:6]) == (200, "public")


class TestAKey:
    @pytest.mark.parametrize(
        "headers", [BEARER, HEADER, {"Authorization": f"bearer  {KEY} "}, {**HEADER, "Authorization": "Basic YTpi"}]
    )
    def test_is_answered_for_its_holder_alone(self, site: Site, headers: dict[str, str]) -> None:
        answer = site.thumb(headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == f"private, max-age={DAY}, stale-while-revalidate={7 * DAY}"

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": "Bearer "}, {"X-Api-Key": ""}, {"X-Api-Key": KEY + "x"}, {"Authorization": KEY}],
    )
    def test_is_needed(self, site: Site, headers: dict[str, str]) -> None:
        answer = site.thumb(headers=headers)
        assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tintype"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert KEY not in answer.text
        assert site.engine.shots == []

    def test_is_needed_to_persist_to_post_and_for_what_a_page_says(self, site: Site) -> None:
        refused = [
            site.persist(),
            site.client.post("/thumb", json={"url": URL}),
            site.client.post("/thumb", json={"url": URL}, query_string=query()),
            site.client.get("/meta", query_string={"url": URL}),
        ]
        assert [answer.status_code for answer in refused] == [401] * 4
        assert site.client.post("/persist", json={"url": URL}, headers=HEADER).status_code == 200

    def test_is_not_needed_for_what_was_persisted_or_for_health(self, site: Site) -> None:
        lasting = site.client.post("/persist", json={"url": URL}, headers=HEADER).json["url"]
        assert site.client.get(lasting).status_code == 200
        assert site.client.get("/health").status_code == 200

    def test_may_be_given_as_its_digest(self) -> None:
        hashed = ApiKey.parse(f"shop:sha256-{hashlib.sha256(KEY.encode()).hexdigest()}")
        assert closed(hashed).thumb(headers=HEADER).status_code == 200

    def test_comes_before_mistakes(self, site: Site) -> None:
        assert site.thumb(width=1).status_code == 401
        assert site.thumb(width=1, headers=HEADER).status_code == 400

    def test_that_is_missing_can_be_a_picture(self, site: Site) -> None:
        answer = site.thumb(on_error="image", format="webp", thumb_width=320)
        assert (answer.status_code, answer.content_type) == (401, "image/webp")


class TestAnAllowance:
    def test_belongs_to_the_key_wherever_it_comes_from(self) -> None:
        blog = ApiKey.parse("blog:a-key-of-the-blog-1:4 per minute")
        site = closed(SHOP, blog, allowances=RateLimits(thumb="2 per minute", per_key={"blog": blog.rate_limit}))

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

    def test_of_signed_addresses_is_that_of_the_client(self) -> None:
        site = closed(allowances=RateLimits(thumb="2 per minute"))
        assert [ask(site, query()).status_code for _ in range(3)] == [200, 200, 429]

    def test_is_not_spent_by_who_is_refused(self) -> None:
        site = closed(SHOP, allowances=RateLimits(thumb="2 per minute"))
        for _ in range(5):
            site.thumb()
        assert site.thumb(headers=HEADER).headers["RateLimit-Remaining"] == "1"


class TestASignature:
    def test_makes_an_address_that_anybody_may_use(self, site: Site) -> None:
        answer = ask(site, query(thumb_width=320))
        assert (answer.status_code, answer.headers["Cache-Control"][:6]) == (200, "public")
        assert ask(site, query("/meta"), "/meta").status_code not in {401, 403}

    def test_that_is_wrong_is_not_mended_by_a_key(self, site: Site) -> None:
        assert ask(site, {**query(), "sig": "0" * 64}, headers=HEADER).status_code == 403

    def test_is_for_one_route(self, site: Site) -> None:
        assert ask(site, query("/meta")).status_code == 403
        assert site.persist(**query("/persist")).status_code == 401

    def test_that_does_not_fit_is_refused(self, site: Site) -> None:
        answer = ask(site, {**query(thumb_width=320), "thumb_width": "640"})
        assert (answer.status_code, answer.json["error"]) == (403, "bad-signature")
        assert site.engine.shots == []

    def test_alone_leaves_only_signed_addresses(self) -> None:
        site = closed()
        assert ask(site, query()).status_code == 200
        assert [site.thumb().status_code, site.persist().status_code] == [403, 403]

    def test_ends_the_life_of_the_picture_in_caches(self, site: Site) -> None:
        now = int(site.clock())
        soon = ask(site, query(expires=now + 60))
        assert soon.headers["Cache-Control"] == "public, max-age=60"
        site.clock.advance(30)
        assert ask(site, query(expires=now + 90)).headers["Cache-Control"] == "public, max-age=90"
        late = ask(site, query(expires=now + DAY + 100))
        assert late.headers["Cache-Control"] == f"public, max-age={DAY}, stale-while-revalidate=100"

    def test_that_is_over_is_refused(self, site: Site) -> None:
        parameters = query(expires=int(site.clock()) + 60)
        assert ask(site, parameters).status_code == 200
        site.clock.advance(61)
        assert ask(site, parameters).status_code == 403

    def test_does_not_make_a_picture_of_its_own(self, site: Site) -> None:
        for _ in range(2):
            ask(site, query())
            ask(site, query(expires=int(site.clock()) + 60))
            site.thumb(headers=HEADER)
        assert len(site.engine.shots) == 1


class TestTheFastPath:
    @pytest.fixture
    def twins(self) -> Twins:
        twins = Twins(allowances=RateLimits(thumb="50 per minute"))
        for site in twins.sites:
            site.access.keys, site.access._signer, site.access._clock = (SHOP,), SIGNATURES, site.clock
        return twins

    @staticmethod
    def signed(**parameters: Any) -> str:
        return urlencode(query(**parameters))

    def test_answers_who_has_a_key_or_a_signed_address(self, twins: Twins) -> None:
        for ask in (Ask(headers=HEADER), Ask(query=self.signed(width=800))):
            assert [state(twins.ask(ask)) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        assert twins.passed == 4

    def test_answers_nobody_else_what_it_knows(self, twins: Twins) -> None:
        for _ in range(2):
            assert twins.ask(Ask(headers=HEADER))[0] == "200 OK"
            assert twins.ask(Ask())[0] == "401 UNAUTHORIZED"
            assert twins.ask(Ask(headers={"X-Api-Key": "another-key-of-16"}))[0] == "401 UNAUTHORIZED"

    def test_refuses_an_address_from_the_second_it_is_over(self, twins: Twins) -> None:
        until = int(twins.sites[0].clock()) + 60
        ask = Ask(query=self.signed(expires=until))
        assert [twins.ask(ask)[0] for _ in range(2)] == ["200 OK"] * 2
        twins.turn(59)
        assert twins.ask(ask)[0] == "200 OK"
        twins.turn(1.5)
        assert twins.ask(ask)[0] == "403 FORBIDDEN"

    def test_learns_that_an_address_is_signed_although_a_key_came_first(self, twins: Twins) -> None:
        text = self.signed(width=900)
        twins.ask(Ask(query=text, headers=HEADER))
        states = [state(twins.ask(Ask(query=text))) for _ in range(3)]
        assert (states, twins.passed) == (["HIT"] * 3, 2)

    def test_keeps_what_a_key_is_told_apart_from_what_everybody_is(self, twins: Twins) -> None:
        text = self.signed(width=900)
        for headers in ({}, HEADER, {}, HEADER):
            twins.ask(Ask(query=text, headers=headers))


def test_the_log_names_the_holder_and_never_the_key(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    for _ in range(2):
        site.thumb(headers=BEARER)
    logs.flush()
    told = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["key_name"] for line in told] == ["shop", "shop"]
    assert not any(KEY in line for line in told)
