"""Invalid requests: every invalid parameter is reported, and no input causes a 5xx."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.problems import invalid_parameters
from tests.web.conftest import URL, Site
from tintype.options import Options, accepts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", "319"), ("width", "3841"), ("width", "wide"), ("width", ""), ("width", "1e3"), ("width", "640.5"),
        ("width", "１２８０"), ("height", "239"), ("height", "2161"), ("format", "gif"), ("format", "PNG "),
        ("quality", "0"), ("quality", "101"), ("thumb_width", "15"), ("thumb_width", "3841"), ("thumb_height", "-1"),
        ("fit", "crop"), ("full_page", "yes"), ("full_page", ""), ("retina", "2"), ("scale", "0.5"), ("scale", "3.1"),
        ("scale", "nan"), ("scale", "inf"), ("dark_mode", "on"), ("device", "nokia-3310"), ("device", ""),
        ("delay", "10001"), ("delay", "-1"), ("wait_for", ""), ("wait_for", "x" * 501), ("wait_until", "never"),
        ("selector", "a\x00b"), ("block_ads", "null"), ("fresh", "maybe"), ("on_error", "text"), ("ttl", "-1"),
        ("ttl", "1d"), ("clip", "0,0,100"), ("geolocation", "here"), ("locale", "german"), ("timezone", "Nowhere"),
        ("media", "paper"), ("scroll_to", "-5"), ("user_agent", "ü"), ("css", " "), ("js", ""), ("click", ""),
        ("hide_selectors", ""), ("omit_background", "yes"), ("reduced_motion", "a bit"),
    ],
)  # fmt: skip
def test_reports_what_the_parameter_accepts(site: Site, name: str, value: str) -> None:
    found = invalid_parameters(site.thumb(URL, None, **{name: value}))
    assert list(found) == [name]
    assert accepts(name) in found[name]
    assert site.engine.capture_count == 0


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("", "url", "is required"),
        ("url=", "url", "http:// or https://"),
        ("url=ftp://site.org/", "url", "http:// or https://"),
        ("url=site.org", "url", "http:// or https://"),
        ("url=https://user:secret@site.org/", "url", "user name"),
        (f"url=https://site.org/{'a' * 2048}", "url", "2048"),
        ("url=https://site.org/%00", "url", "control"),
        (f"url={URL}&ttl=2592001", "ttl", "from 0 to 2592000 seconds"),
        (f"url={URL}&widht=640", "widht", "did you mean width?"),
        (f"url={URL}?a=1&b=2", "b", "%26"),
        (f"url={URL}&width=640&width=640", "width", "more than once"),
        (f"url={URL}&url={URL}", "url", "more than once"),
        (f"url={URL}&retina=true&scale=3", "retina", "scale=2"),
        (f"url={URL}&width=3840&height=2160&scale=3", "scale", "25 000 000 pixels"),
        (f"url={URL}&device=desktop-4k&retina=1", "scale", "25 000 000 pixels"),
        (f"url={URL}&clip=0,0,9,9&selector=p", "clip", "cannot be combined with selector"),
        (f"url={URL}&format=json&elements=1&selector=p", "elements", "cannot be combined with selector or clip"),
    ],
)
def test_names_the_invalid_parameter(site: Site, query: str, name: str, words: str) -> None:
    found = invalid_parameters(site.get_raw(query))
    assert list(found) == [name]
    assert words in found[name]


def test_reports_all_invalid_parameters(site: Site) -> None:
    found = invalid_parameters(
        site.get_raw("url=ftp://x&width=1&format=gif&nonsense=1&fit=cover&fit=cover&ttl=9999999")
    )
    assert set(found) == {"url", "width", "format", "nonsense", "fit"}


def test_rejects_js_if_it_is_disabled() -> None:
    site = Site(allow_js=False)
    assert invalid_parameters(site.thumb(js="1")) == {"js": "is disabled on this server"}
    assert invalid_parameters(site.persist(js="1")) == {"js": "is disabled on this server"}
    assert site.engine.capture_count == 0


def test_accepts_json_for_structured_values(site: Site) -> None:
    assert site.persist(clip={"x": 0, "y": 0, "width": 9, "height": 9}, hide_selectors=["a", "b"]).status_code == 200
    assert site.engine.shots[-1].region.clip == (0, 0, 9, 9)
    assert site.engine.shots[-1].page_changes.hide_selectors == "a, b"


@pytest.mark.parametrize(
    "body", ['{"clip": {"x": 0, "x": 0, "y": 0, "width": 9}}', '{"clip": {"x": 0}}', '{"clip": [[1]]}']
)
def test_rejects_json_of_another_shape(site: Site, body: str) -> None:
    answer = site.client.post("/persist", data=body[:-1] + f', "url": "{URL}"}}', content_type="application/json")
    assert list(invalid_parameters(answer)) == ["clip"]


def test_lists_a_denied_target_with_other_invalid_parameters(site: Site) -> None:
    assert set(invalid_parameters(site.thumb("http://127.0.0.1/", width=1))) == {"url", "width"}


def test_reports_a_denied_target_alone_as_target_denied(site: Site) -> None:
    answer = site.thumb("http://169.254.169.254/latest/meta-data/")
    assert (answer.status_code, answer.json["error"]) == (400, "target-denied")
    assert "169.254" not in answer.text


def test_quotes_at_most_60_characters_of_a_value(site: Site) -> None:
    answer = site.get_raw(f"url={URL}&format={'x' * 5000}&{'y' * 5000}=1")
    assert len(answer.data) < 1500
    assert "x" * 61 not in answer.text
    assert "y" * 61 not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        b"url=%ff%fe", b"url=https://site.org/\xff", b"%00=1&url=https://site.org/", b"url=https://site.org/&width=%00",
        b"url=https://site.org/&selector=%ED%A0%80", b"&".join(b"a%d=1" % n for n in range(100)), b"=", b"&&&", b"%",
        b"url=" + b"https://site.org/" + b"a" * 100_000, b"a" * 100_000, b"url=https://[::1",
        b"url=https://%31%32%37.0.0.1/", b"url[]=https://site.org/", b"url=javascript:alert(1)",
    ],
)  # fmt: skip
def test_rejects_malformed_query_strings(site: Site, query: bytes) -> None:
    assert site.get_raw(query).status_code == 400


_NAMES = st.one_of(st.sampled_from(sorted(Options.model_fields)), st.text(max_size=20))
_VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["true", "1", "0", "640", "auto", "png", URL, "http://localhost/", "iphone-14", "-1", "9" * 30]),
    st.integers(-10, 5000).map(str),
)


_STEADY: Any = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


class TestFuzz:
    @settings(max_examples=150, **_STEADY)
    @given(pairs=st.lists(st.tuples(_NAMES, _VALUES), max_size=8), with_url=st.booleans())
    def test_no_query_causes_a_server_error(self, site: Site, pairs: list[tuple[str, str]], with_url: bool) -> None:
        named = [("url", URL), *pairs] if with_url else pairs
        assert site.client.get("/thumb", query_string=named).status_code < 500

    @settings(max_examples=150, **_STEADY)
    @given(raw=st.binary(max_size=80).filter(lambda raw: not set(raw) & set(b"\r\n")))
    def test_no_bytes_cause_a_server_error(self, site: Site, raw: bytes) -> None:
        assert site.get_raw(raw).status_code < 500

    @settings(max_examples=100, **_STEADY)
    @given(
        body=st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
        )
    )
    def test_no_json_body_causes_a_server_error(self, site: Site, body: Any) -> None:
        assert site.client.post("/persist", json=body).status_code < 500
