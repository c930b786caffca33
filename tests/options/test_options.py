"""Tests of the options: canonical values, cache keys, limits, secrets."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tintype.options import CaptureRequest, Emulation, OptionLimits, Options, Rendition, Shot, accepts
from tintype.options.devices import DEVICES, slug

URL = "https://example.com/"
NOT_IN_KEY = {"fresh", "ttl", "on_error", "placeholder", "fail_on", "tag"}
BLOCKS = ("block_ads", "block_trackers", "block_cookie_banners", "block_chats")

OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "width": st.integers(320, 3840),
    "height": st.integers(240, 2160),
    "scale": st.sampled_from([1.0, 1.5, 2.0, 2.625, 3.0]),
    "retina": st.booleans(),
    "dark_mode": st.booleans(),
    "device": st.sampled_from(sorted(DEVICES)),
    "wait_until": st.sampled_from(["load", "domcontentloaded", "networkidle"]),
    "wait_for": st.sampled_from(["#a", "main > p"]),
    "delay": st.integers(0, 10_000),
    "block_ads": st.booleans(),
    "block_trackers": st.booleans(),
    "block_cookie_banners": st.booleans(),
    "block_chats": st.booleans(),
    "full_page": st.booleans(),
    "selector": st.sampled_from(["#a", "table"]),
    "format": st.sampled_from(["png", "jpeg", "webp", "avif", "pdf", "json"]),
    "quality": st.integers(1, 100),
    "thumb_width": st.integers(16, 3840),
    "thumb_height": st.integers(16, 3840),
    "fit": st.sampled_from(["cover", "contain", "inside", "fill"]),
    "user_agent": st.sampled_from(["Teapot/1.0"]),
    "locale": st.sampled_from(["de", "de-AT", "zh-Hant-TW"]),
    "timezone": st.sampled_from(["Europe/Vienna", "UTC"]),
    "geolocation": st.sampled_from([(48.2, 16.37, 10.0), (-33.9, 18.4, 250.0)]),
    "media": st.sampled_from(["screen", "print"]),
    "reduced_motion": st.booleans(),
    "css": st.sampled_from(["p { color: red }"]),
    "js": st.sampled_from(["document.title = 'é'"]),
    "click": st.sampled_from(["#a", "button"]),
    "hide_selectors": st.sampled_from(["#a, .b", "header"]),
    "clip": st.sampled_from([(0, 0, 100, 100), (5, 2000, 640, 360)]),
    "scroll_to": st.sampled_from(["0", "1200", "#a"]),
    "elements": st.booleans(),
    "omit_background": st.booleans(),
    "paper": st.sampled_from(["a4", "letter"]),
    "landscape": st.booleans(),
    "margin": st.integers(0, 100),
    "print_background": st.booleans(),
    "html": st.sampled_from(["<p>a", "<p>b"]),
    "headers": st.sampled_from([(("x-a", "1"),), (("x-a", "1"), ("x-b", "2"))]),
    "cookies": st.sampled_from([(("a", "1", "/", ""),), (("a", "1", "/", ""), ("b", "2", "/", ""))]),
    "basic_auth": st.sampled_from([("anna", "one"), ("anna", "two")]),
}
FORBIDDEN = (
    "Host", "connection", "Content-Length", "Transfer-Encoding", "TE", "Upgrade", "Keep-Alive", "Cookie", "cookie2",
    "Proxy-Authorization", "Sec-Fetch-Site", "Metadata", "Metadata-Flavor", "X-aws-ec2-metadata-token", "Origin",
)  # fmt: skip
written = st.fixed_dictionaries({}, optional=OPTIONS)


def make_request(url: str = URL, **options: Any) -> CaptureRequest:
    return any_combination(url, **options).capture_request()


def any_combination(url: str = URL, **options: Any) -> Options:
    """Options that may exclude each other: keys and representations do not depend on that."""
    return Options.model_validate({"url": url, **options}, context=OptionLimits(check_combinations=False))


def respell(name: str, value: Any, chance: random.Random) -> Any:
    """Another way to write the same value, in a query or in JSON."""
    if name in SPELLINGS:
        return chance.choice([value, *SPELLINGS[name](value)])
    if isinstance(value, bool):
        return chance.choice([value, str(value), str(value).lower(), str(value).upper(), int(value), str(int(value))])
    if isinstance(value, int):
        return chance.choice([value, str(value), f"+{value}", f"0{value}"])
    if isinstance(value, float):
        return chance.choice([value, str(value), f"{value:.3f}", int(value) if value.is_integer() else value])
    return value


def _numbers(value: tuple[float, ...]) -> list[Any]:
    return [list(value), ",".join(map(str, value)), ", ".join(map(str, value))]


SPELLINGS: dict[str, Callable[[Any], list[Any]]] = {
    "headers": lambda pairs: [dict(pairs), [*map(list, pairs)], "\n".join(map(": ".join, pairs)).upper()],
    "cookies": lambda cookies: [
        [{"name": cookie[0], "value": cookie[1]} for cookie in reversed(cookies)],
        {cookie[0]: cookie[1] for cookie in cookies},
        [*map(list, cookies)],
    ],
    "basic_auth": lambda pair: [":".join(pair), list(pair), dict(zip(("user", "password"), pair, strict=True))],
    "clip": _numbers,
    "geolocation": _numbers,
    "hide_selectors": lambda text: [text.split(", "), f" {text}"],
    "locale": lambda tag: [tag.upper(), tag.lower()],
    "device": lambda name: [DEVICES[name].title, name.upper(), f" {name} ", name.replace("-", "_")],
    "format": lambda name: ["jpg"] if name == "jpeg" else [],
    **dict.fromkeys(("wait_for", "selector", "click", "scroll_to"), lambda text: [f"  {text} "]),
}


def flat(request: CaptureRequest) -> dict[str, Any]:
    """Every option of a request, as a client can send it."""
    shot = request.shot
    parts = (
        shot.navigation,
        shot.credentials,
        shot.emulation,
        shot.wait,
        shot.page_changes,
        shot.region,
        request.rendition,
    )
    values = {name: value for part in parts for name, value in part.model_dump().items() if value not in ("", None, ())}
    return values | (shot.pdf.model_dump() if shot.pdf else {})


class TestEqualKeys:
    @given(options=written, seed=st.integers())
    def test_ignores_spelling_and_order_of_values(self, options: dict[str, Any], seed: int) -> None:
        chance = random.Random(seed)
        names = chance.sample(sorted(options), len(options))
        assert (
            make_request(**{name: respell(name, options[name], chance) for name in names}).key
            == make_request(**options).key
        )

    @given(options=written)
    def test_ignores_explicit_defaults(self, options: dict[str, Any]) -> None:
        request = make_request(**options)
        assert make_request(**flat(request)) == request
        assert make_request(**flat(request)).key == request.key

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"retina": True}, {"scale": 2}),
            ({"retina": False}, {}),
            ({"format": "jpg"}, {"format": "jpeg"}),
            ({"format": "png", "quality": 33}, {}),
            ({"device": "desktop-1080p"}, {"width": 1920, "height": 1080}),
            ({"device": "desktop"}, {}),
            ({"device": "macbook-air"}, {"width": 1440, "height": 900, "scale": 2}),
            ({"device": "macbook-air", "scale": 1}, {"width": 1440, "height": 900}),
            ({"device": "iPhone 14"}, {"device": "iphone-14", "width": 390, "height": 844, "scale": 3}),
            ({"device": "iphone-14", "retina": True}, {"device": "iphone-14", "scale": 2}),
            ({"fit": "contain"}, {}),
            ({"fit": "contain", "thumb_width": 320}, {"thumb_width": 320}),
            ({"selector": "#a", "full_page": True}, {"selector": "#a"}),
            ({"selector": "#a", "scroll_to": "9"}, {"selector": "#a"}),
            ({"clip": "0,0,9,9", "full_page": True, "scroll_to": 5}, {"clip": [0, 0, 9, 9]}),
            ({"clip": {"x": 0, "y": "0", "width": 9, "height": 9}}, {"clip": [0, 0, 9, 9]}),
            ({"full_page": True, "scroll_to": "#a"}, {"full_page": True}),
            ({"scroll_to": 0}, {"scroll_to": "00"}),
            ({"media": "screen"}, {}),
            ({"format": "jpeg", "omit_background": True}, {"format": "jpeg"}),
            ({"geolocation": "48.2,16.37"}, {"geolocation": {"latitude": 48.2, "longitude": 16.37, "accuracy": 10}}),
            ({"locale": "ZH-hant-tw"}, {"locale": "zh-Hant-TW"}),
            ({"hide_selectors": [" #a", ".b "]}, {"hide_selectors": "#a, .b"}),
            ({"format": "pdf", "media": "print"}, {"format": "pdf"}),
            ({"format": "pdf", "full_page": True, "quality": 5}, {"format": "pdf"}),
            ({"format": "json", "quality": 5}, {"format": "json"}),
            ({"paper": "a3", "margin": 0}, {}),
            ({"fresh": True, "ttl": 5, "on_error": "image", "tag": "news,sport"}, {}),
        ],
    )
    def test_ignores_options_without_effect(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert make_request(**one) == make_request(**other)
        assert make_request(**one).key == make_request(**other).key


class TestDifferentKeys:
    @given(one=written, other=written)
    @example(one={"wait_for": "#a"}, other={"selector": "#a"})
    @example(one={"thumb_width": 320}, other={"thumb_height": 320})
    @example(one={"device": "iphone-14"}, other={"device": "iphone-13"})
    def test_keys_are_equal_if_and_only_if_requests_are(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert (make_request(**one).key == make_request(**other).key) == (make_request(**one) == make_request(**other))
        assert (make_request(**one).shot.key == make_request(**other).shot.key) == (
            make_request(**one).shot == make_request(**other).shot
        )

    def test_a_changed_copy_has_another_key(self) -> None:
        shot = make_request().shot
        assert shot.key
        longer = shot.model_copy(update={"wait": shot.wait.model_copy(update={"delay": 1500})})
        assert longer.key == make_request(delay="1500").shot.key != shot.key

    EFFECTIVE = (
        {"url": "https://example.com/a"},
        {"url": "https://example.com/?"},
        {"width": 1281},
        {"height": 721},
        {"scale": 1.5},
        {"retina": True},
        {"dark_mode": True},
        {"device": "iphone-14"},
        {"device": "desktop-4k"},
        {"wait_until": "networkidle"},
        {"wait_until": "domcontentloaded"},
        {"wait_for": "#a"},
        {"delay": 1},
        {"block_ads": False},
        {"block_trackers": False},
        {"block_cookie_banners": False},
        {"block_chats": False},
        {"full_page": True},
        {"selector": "#a"},
        {"selector": "#A"},
        {"format": "jpeg"},
        {"format": "jpeg", "quality": 81},
        {"format": "webp"},
        {"format": "avif"},
        {"thumb_width": 320},
        {"thumb_height": 320},
        {"thumb_width": 320, "thumb_height": 320},
        {"thumb_width": 320, "thumb_height": 320, "fit": "contain"},
        {"thumb_width": 320, "thumb_height": 320, "fit": "inside"},
        {"thumb_width": 320, "thumb_height": 320, "fit": "fill"},
        {"user_agent": "Teapot/1.0"},
        {"locale": "de"},
        {"timezone": "Asia/Tokyo"},
        {"geolocation": "1,2"},
        {"media": "print"},
        {"reduced_motion": True},
        {"css": "p { color: red }"},
        {"js": "1"},
        {"click": "#a"},
        {"hide_selectors": "#a"},
        {"clip": "0,0,9,9"},
        {"scroll_to": "9"},
        {"omit_background": True},
        {"format": "json"},
        {"format": "json", "elements": True},
        {"format": "pdf"},
        {"format": "pdf", "media": "screen"},
        {"format": "pdf", "paper": "a3"},
        {"format": "pdf", "landscape": True},
        {"format": "pdf", "margin": 0},
        {"format": "pdf", "print_background": False},
        {"html": "<p>a"},
        {"html": "<p>b"},
        {"headers": {"X-A": "1"}},
        {"headers": {"X-A": "2"}},
        {"cookies": {"a": "1"}},
        {"cookies": [{"name": "a", "value": "1", "path": "/b"}]},
        {"basic_auth": "anna:one"},
        {"basic_auth": "anna:two"},
    )

    def test_every_option_changes_the_key(self) -> None:
        keys = {make_request(**options).key for options in ({}, *self.EFFECTIVE)}
        assert len(keys) == len(self.EFFECTIVE) + 1

    def test_table_of_changes_contains_every_option(self) -> None:
        named = {name for options in self.EFFECTIVE for name in options}
        assert named | NOT_IN_KEY == set(Options.model_fields) == {"url", *OPTIONS} | NOT_IN_KEY

    def test_thumbnail_and_master_have_different_keys(self) -> None:
        assert make_request().key != make_request().shot.key

    def test_json_is_derived_from_the_master_of_the_image(self) -> None:
        assert make_request(format="json").shot.key == make_request(format="webp", thumb_width=64).shot.key

    def test_a_pdf_has_a_separate_master(self) -> None:
        assert make_request(format="pdf").shot.key != make_request().shot.key

    def test_the_rendition_does_not_change_the_shot(self) -> None:
        small = make_request(format="webp", quality=5, thumb_width=64, thumb_height=64, fit="fill")
        assert small.shot.key == make_request().shot.key


class TestStableKeys:
    """A changed key expires every cached thumbnail: then increase KEY_VERSION."""

    @pytest.mark.parametrize(
        ("options", "key"),
        [
            ({}, "8c90f94a00646cdf9f99d7ed11365b73e46019e9b1d620666f227203cd6d62f2"),
            (
                {"device": "iphone-14", "dark_mode": True},
                "8e8430592d2ed90e877baf03a91e44076086451a4e11fc1727215da5b9cf798a",
            ),
            (
                {"full_page": True, "format": "webp", "quality": 60, "thumb_width": 320},
                "6ce23348b932319b13f9e59789b9f1c0076c470c7566010ce2f14da72213e000",
            ),
            (
                {
                    "url": "https://example.com/ä?b=1#/c",
                    "wait_for": "#a > b",
                    "delay": 5,
                    "scale": 1.5,
                    "block_ads": False,
                },
                "909e8dda446d426506201a739f0942488a53bfa96139c35ef7918dc857d57db1",
            ),
        ],
    )
    def test_keys_do_not_change_between_versions(self, options: dict[str, Any], key: str) -> None:
        assert make_request(**options).key == key

    def test_keys_are_64_hex_digits(self) -> None:
        assert len(make_request().key) == 64
        assert int(make_request().key, 16)


class TestInvalidValues:
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("width", [319, 3841, "wide", "1e3", 800.5, True, None, "", "८००", " 800", "9" * 400]),
            ("height", [239, 2161, "-720"]),
            ("scale", [0.99, 3.01, "nan", "inf", float("nan"), "1e0", True, None, 10**400, "2x"]),
            ("delay", [-1, 10_001, "1s"]),
            ("quality", [0, 101, "80%"]),
            ("thumb_width", [15, 3841, 0, ""]),
            ("thumb_height", [15, 3841, 0, ""]),
            ("dark_mode", ["yes", "on", "", 2, None, 1.0, []]),
            ("full_page", ["yes"]),
            ("retina", ["2"]),
            ("block_ads", ["no"]),
            ("block_trackers", ["some"]),
            ("block_cookie_banners", [""]),
            ("block_chats", [2]),
            ("device", ["iphone", "", None, 14, "iPhone 99"]),
            ("wait_until", ["LOAD", "", "networkidle0"]),
            ("format", ["gif", "PNG", "image/png", None]),
            ("fit", ["crop", ""]),
            ("wait_for", ["", " ", "a\nb", "x" * 501, "\x00"]),
            ("selector", ["", "\t", "a\x7fb", "x" * 501]),
            ("ttl", [-1, "1d", 1.5]),
            ("on_error", ["picture", ""]),
            ("fresh", ["please"]),
            ("tag", ["", " ", "a b", "a,,b", "ä", "x" * 65, [], [5], {"a": "b"}, [*"abcdefghi"], None, 5]),
            ("user_agent", ["", " ", "a\nb", "Ä", "x" * 501, 5, None]),
            ("locale", ["", "english", "de_AT", "de--AT", "-", "d", 5, None]),
            ("timezone", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe", "CEST+", None, 5]),
            ("geolocation", ["", "1", "91,0", "0,181", "1,2,0", "1,2,3,4", "a,b", {"latitude": 1}, [None, 1], 5]),
            ("media", ["", "tv"]),
            ("reduced_motion", ["yes"]),
            ("css", ["", "  ", "a\0b", "x" * 50_001, 5, None]),
            ("js", ["", "\n", "x" * 50_001, "\ud800"]),
            ("click", ["", "a\nb", "x" * 501, 5]),
            ("hide_selectors", ["", [], ["a", ""], ["a", 5], "x" * 2001, {"a": "b"}]),
            ("clip", ["", "1,2,3", "0,0,0,1", "-1,0,1,1", "0,0,1,16001", "0,0,1.5,1", [0, 0, 1], {"x": 1}, 5]),
            ("scroll_to", ["", " ", "-1", "100001", "a\nb", "x" * 501, True, None, 1.5]),
            ("omit_background", ["maybe"]),
            ("paper", ["a6", ""]),
            ("margin", [-1, 101, "1cm"]),
            ("landscape", ["sideways"]),
            ("print_background", [""]),
            ("html", ["", " ", "a\0", "x" * 1_000_001, 5]),
            ("headers", [{}, "", "X-A", {"X-A": ""}, {"X-A": 5}, {"X A": "1"}, {"X-A": "a\nb"}, {"X-A": "ü"}, 5, [1]]),
            ("headers", [{f"X-{n}": "1" for n in range(21)}, {"X-A": "x" * 4097}, {"x-a": "1", "X-A": "2"}]),
            ("headers", [{name: "1"} for name in FORBIDDEN]),
            ("cookies", [{}, "", "a", {"a": 5}, {"a b": "1"}, {"a": "1;2"}, {"a": "1\n2"}, [{"name": "a"}], 5, [1]]),
            ("cookies", [{f"c{n}": "" for n in range(51)}, {"a": "x" * 4097}, [{"name": "a", "value": "", "x": 1}]]),
            ("cookies", [[{"name": "a", "value": "1", "path": "b"}], "a=1; a=2"]),
            ("basic_auth", ["", "anna", ":", ":pw", "a\n:b", "x" * 501 + ":", ["a:b", "c"], {"user": "a"}, 5, ["a"]]),
        ],
    )
    def test_rejects_invalid_values(self, name: str, values: list[Any]) -> None:
        for value in values:
            with pytest.raises(ValidationError) as mistake:
                Options(**{"url": URL, name: value})
            assert [item["loc"] for item in mistake.value.errors()] == [(name,)], value

    def test_reports_every_invalid_option_together(self) -> None:
        with pytest.raises(ValidationError) as mistake:
            Options.model_validate({"width": 1, "colour": "red", "fit": "crop"})
        assert {item["loc"][0] for item in mistake.value.errors()} == {"url", "width", "colour", "fit"}

    def test_describes_every_option(self) -> None:
        for name, field in Options.model_fields.items():
            assert (field.description or "").endswith("."), name
            assert accepts(name), name

    def test_describes_ranges_as_they_are_validated(self) -> None:
        assert accepts("width") == "a whole number from 320 to 3840 pixels"
        assert accepts("scale") == "a number from 1 to 3"
        assert accepts("delay") == "a whole number from 0 to 10000 milliseconds"
        assert accepts("dark_mode") == "true, false, 1 or 0"
        assert "iphone-14-pro" in accepts("device")
        assert accepts("format") == "png, jpeg, webp, avif, pdf, json or auto"


class TestDefaults:
    def test_matches_the_documented_defaults(self) -> None:
        seen = make_request()
        assert (seen.shot.emulation.width, seen.shot.emulation.height, seen.shot.emulation.scale) == (1280, 720, 1)
        assert (seen.rendition.format, seen.rendition.quality, seen.rendition.mime) == ("png", 80, "image/png")
        assert seen.shot.page_changes.block_ads
        assert not seen.shot.region.full_page
        assert not seen.shot.emulation.dark_mode
        assert (seen.shot.wait.delay, seen.shot.navigation.wait_until) == (0, "load")
        assert (seen.rendition.thumb_width, seen.rendition.thumb_height, seen.rendition.fit) == (None, None, "cover")

    def test_blocks_third_party_content_by_default(self) -> None:
        assert set(make_request().shot.page_changes.model_dump(include=set(BLOCKS)).values()) == {True}


class TestDevices:
    @pytest.mark.parametrize("name", sorted(DEVICES))
    def test_accepts_name_and_title_of_every_preset(self, name: str) -> None:
        preset = DEVICES[name]
        assert slug(preset.title) == name
        seen = make_request(device=preset.title).shot.emulation
        assert (seen.width, seen.height, seen.scale) == (preset.width, preset.height, preset.scale)
        assert seen.device == (name if preset.mobile else "")
        Emulation(width=seen.width, height=seen.height, scale=seen.scale)

    def test_prefers_explicit_sizes_over_the_preset(self) -> None:
        seen = make_request(device="iphone-14", width=1280, scale=1).shot.emulation
        assert (seen.width, seen.height, seen.scale, seen.device) == (1280, 844, 1, "iphone-14")


class TestCredentials:
    SECRETS: ClassVar[dict[str, Any]] = {
        "headers": {"X-Key": "s3cret"}, "cookies": {"a": "s3cret"}, "basic_auth": "anna:s3cret", "html": "<p>s3cret",
    }  # fmt: skip

    @pytest.mark.parametrize("name", ["headers", "cookies", "basic_auth"])
    def test_marks_the_shot(self, name: str) -> None:
        assert make_request(**{name: self.SECRETS[name]}).shot.has_credentials
        assert not make_request().shot.has_credentials

    def test_omits_values_from_representations(self) -> None:
        options = any_combination(**self.SECRETS)
        request = options.capture_request()
        for value in (options, request, request.shot, request.shot.credentials, request.shot.navigation):
            assert "s3cret" not in repr(value) + str(value)

    def test_omits_values_from_validation_errors(self) -> None:
        with pytest.raises(ValidationError) as mistake:
            Options.model_validate(
                {
                    "url": URL,
                    "headers": {"Host": "s3cret"},
                    "cookies": "s3cret",
                    "basic_auth": "s3cret",
                    "html": "s3cret\0",
                }
            )
        assert mistake.value.error_count() == 4
        assert "s3cret" not in str(mistake.value)

    def test_round_trips_values_through_json(self) -> None:
        shot = make_request(**self.SECRETS).shot
        assert Shot.model_validate_json(shot.model_dump_json(exclude_defaults=True)) == shot


class TestModels:
    @pytest.mark.parametrize(
        "value",
        [
            make_request(),
            make_request().shot,
            make_request().rendition,
            make_request().shot.emulation,
            Options(url=URL),
        ],
    )
    def test_rejects_assignment(self, value: BaseModel) -> None:
        name = next(iter(type(value).model_fields))
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, getattr(value, name))

    def test_equal_requests_have_equal_hashes(self) -> None:
        assert len({make_request(), make_request(), make_request(width=800)}) == 2

    def test_round_trips_through_json(self) -> None:
        shot = make_request("https://example.com/?a=ä", device="iphone-14", wait_for='a[b="c"]').shot
        again = Shot.model_validate_json(shot.model_dump_json(exclude_defaults=True))
        assert again == shot
        assert again.key == shot.key

    def test_rejects_unknown_fields(self) -> None:
        with pytest.raises(ValidationError):
            Rendition.model_validate({"colour": "red"})
