"""Translated URLs of other services: Tintype accepts them, and notes name each unsupported parameter."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from click.testing import CliRunner

from tests.support.concurrency import eventually
from tests.support.paths import ROOT
from tintype import cli
from tintype.migrate import VENDORS, UnknownService, Vendor, translate
from tintype.migrate.rules import Rule
from tintype.model import Freshness
from tintype.options import Options
from tintype.request_parser import RequestParser
from tintype.urls import TargetPolicy

PAGES = sorted((ROOT / "docs" / "migrating").glob("*.md"))
PAGE = "https://example.com/?a=1&b=2"
SAMPLES = {
    "true": "dark_mode retina transparent cache force png allowJPG refresh forceReload reduced_motion omit_background",
    "https://example.com/": "url",
    "400": "width height thumb_width thumb_height viewport_width viewport_height image_width image_height crop",
    "500": "viewPortWidth viewPortHeight viewportWidth viewportHeight scroll_y clip_width clip_height",
    "0": "clip_x clip_y",
    "0,0,400,300": "clip",
    "70": "quality image_quality",
    "3600": "cache_ttl ttl",
    "2": "delay wait deviceScaleFactor device_scale_factor geolocation_accuracy maxAge",
    "48.2": "geolocation_latitude geolocation_longitude",
    "load": "wait_until",
    "jpg": "format",
    "print": "media media_type",
    "Europe/Vienna": "tz time_zone",
    "de-AT": "accept_lang",
    "iPhone 14": "device",
    "iphone_14": "viewport_device",
    "Letter": "pdf_page_size pdf_paper_format",
    "landscape": "pdf_orientation",
    "none": "pdf_margin",
    "main": "selector wait_for wait_for_selector click hide_selectors hide_selector scroll_to scroll_into_view "
    "css styles js scripts user_agent",
}
VALUES = {name: value for value, names in SAMPLES.items() for name in names.split()}
WORDS = {("Urlbox", "wait_until"): "loaded"}
RULES = [
    pytest.param(vendor, rule, id=f"{name}-{rule.source[0]}")
    for name, vendor in VENDORS.items()
    for rule in vendor.rules
]


def ours(query: str) -> Options:
    """Parse a query as the service does; raises an error for each invalid parameter."""
    pairs = parse_qsl(query, strict_parsing=True)
    assert RequestParser(TargetPolicy(), Freshness(max_age=86_400), 2_592_000).parse(pairs, from_body=False)
    return Options.model_validate(dict(pairs))


def address(vendor: Vendor, **parameters: str) -> str:
    """A URL of the vendor with these parameters."""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    if vendor.title == "thum.io":
        path = "".join(f"{name}/" if value == "true" else f"{name}/{value}/" for name, value in parameters.items())
        return f"https://{vendor.hosts[0]}/get/{path}{PAGE}"
    path = {"Urlbox": "/v1/KEY/TOKEN/png", "ScreenshotOne": "/take"}.get(vendor.title, "/v1/screenshot")
    return f"https://{(*vendor.hosts, 'localhost')[0]}{path}?url={quote(PAGE, safe='')}&{query}"


@pytest.mark.parametrize(("vendor", "rule"), RULES)
def test_translates_every_parameter_of_the_rules(vendor: Vendor, rule: Rule) -> None:
    parameters = {name: WORDS.get((vendor.title, name), VALUES.get(name, "true")) for name in rule.source}
    if any(name.startswith("pdf_") for name in parameters):
        parameters["format"] = "pdf"
    translation = translate(address(vendor, **parameters), vendor)
    assert ours(translation.query()).url == PAGE
    if rule.is_unsupported:
        assert [note for note in translation.notes if rule.plain_note in note], "no note about an unsupported parameter"
        return
    assert translation.notes == ()
    if rule.kind != "always":
        named = {pair.partition("=")[0] for pair in rule.target.split("&")}
        assert named <= set(translation.options)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_rules_list_each_parameter_once(vendor: Vendor) -> None:
    names = [name for rule in vendor.rules for name in rule.source]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_rules_target_existing_options(vendor: Vendor) -> None:
    named = {pair.partition("=")[0] for rule in vendor.rules for pair in rule.target.split("&")}
    assert named - {"", "always"} <= set(Options.model_fields)


class TestTranslation:
    def test_keeps_the_default_size_of_the_service(self) -> None:
        assert translate("https://api.screenshotone.com/take?url=https://example.com").options == {
            "url": "https://example.com",
            "height": "1024",
            "format": "jpeg",
        }
        assert translate("https://image.thum.io/get/https://example.com").options["thumb_width"] == "600"
        assert translate("http://x/?url=https://example.com", VENDORS["url-to-png"]).options["thumb_height"] == "250"

    def test_uses_the_viewport_of_a_named_device(self) -> None:
        phone = translate("https://api.screenshotone.com/take?url=a.com&viewport_device=iphone_14").options
        assert phone["device"] == "iphone-14"
        assert "height" not in phone
        assert "width" not in translate("https://image.thum.io/get/iphone6/a.com").options

    def test_keeps_the_viewport_of_a_mobile_page(self) -> None:
        mobile = translate("http://x/?url=a.com&isMobile=true&viewPortWidth=400", VENDORS["url-to-png"]).options
        assert (mobile["device"], mobile["width"], mobile["height"]) == ("pixel-7", "400", "1080")

    def test_finds_the_target_in_a_path(self) -> None:
        base = "https://image.thum.io/get/"
        for written in (
            f"width/400/{PAGE}",
            f"width/400/{quote(PAGE, safe='')}",
            f"width/400/?url={quote(PAGE, safe='')}",
        ):
            assert translate(base + written).options["url"] == PAGE
        assert translate(f"{base}auth/1-k/example.com").options["url"] == "https://example.com"

    def test_converts_units(self) -> None:
        assert translate("https://api.screenshotone.com/take?url=a.com&delay=1.5").options["delay"] == "1500"
        assert translate("https://image.thum.io/get/maxAge/12/a.com").options["ttl"] == "43200"

    def test_inverts_flags_with_the_opposite_meaning(self) -> None:
        base = "https://api.snapsharp.dev/v1/screenshot?url=a.com&cache="
        assert [translate(base + parameters).options["fresh"] for parameters in ("false", "true")] == ["true", "false"]

    def test_joins_repeated_parameters(self) -> None:
        parameters = "hide_selectors=.a&hide_selectors=.b&clip_y=5&clip_width=30&clip_height=40"
        options = translate(f"https://api.screenshotone.com/take?url=a.com&{parameters}").options
        assert (options["hide_selectors"], options["clip"]) == (".a,.b", "0,5,30,40")

    @pytest.mark.parametrize(
        ("parameters", "note"),
        [
            ("device_scale_factor=5", "scale=5 is dropped: must be a number from 1 to 3"),
            ("viewport_device=nokia_3310", "viewport_device=nokia_3310: unknown device"),
            ("format=gif", "format=gif: unknown format"),
            ("delay=soon", "soon is not a number"),
            ("full_page=perhaps", "perhaps is not a boolean"),
            ("format=pdf&image_width=400", "thumb_width does not apply to a PDF"),
            ("colour=red", "colour is unknown"),
        ],
    )
    def test_notes_values_without_a_counterpart(self, parameters: str, note: str) -> None:
        translation = translate(f"https://api.screenshotone.com/take?url=a.com&{parameters}")
        assert note in " ".join(translation.notes)
        assert ours(translation.query())

    @pytest.mark.parametrize(
        "written", ["https://example.com/?url=https://a.com", "https://api.urlbox.com/v1/", "x", "http://[/"]
    )
    def test_rejects_urls_of_unknown_services(self, written: str) -> None:
        with pytest.raises(UnknownService):
            translate(written)


def examples() -> list[tuple[list[str], list[str]]]:
    """Every call of ``tintype migrate`` in the pages, with the output that the page shows."""
    blocks = [
        block for page in PAGES for block in re.findall(r"```sh\n(tintype migrate .*?)```", page.read_text(), re.DOTALL)
    ]
    calls = [block.replace("\\\n", " ").splitlines() for block in blocks]
    return [(shlex.split(first)[2:], [line.removeprefix("# ") for line in rest]) for first, *rest in calls]


@pytest.mark.parametrize(("arguments", "lines"), examples(), ids=lambda value: value[-1][:60])
def test_guides_show_the_output_of_the_command(arguments: list[str], lines: list[str]) -> None:
    result = CliRunner().invoke(cli.tintype, ["migrate", *arguments])
    assert result.exit_code == 0
    output = [*result.stdout.splitlines(), *(line.removeprefix("# ") for line in result.stderr.splitlines())]
    assert output == lines
    assert ours(urlsplit(lines[0]).query)


class TestMigrateCommand:
    def test_continues_after_an_unknown_url_on_stdin(self) -> None:
        lines = "https://unknown.test/x\nhttps://image.thum.io/get/https://example.com\n"
        result = CliRunner().invoke(cli.tintype, ["migrate", "--to", "https://t.test/"], input=lines)
        assert result.stdout.startswith("https://t.test/thumb?url=https://example.com&")
        assert "unknown.test" in result.stderr
        assert result.exit_code == 1

    def test_ignores_empty_lines_and_comments(self) -> None:
        lines = "\n# mine\n  \nhttps://image.thum.io/get/https://example.com\n"
        result = CliRunner().invoke(cli.tintype, ["migrate"], input=lines)
        assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)

    def test_completes_a_target_without_a_scheme(self) -> None:
        url = "https://api.snapsharp.dev/v1/screenshot?url=example.com/a"
        result = CliRunner().invoke(cli.tintype, ["migrate", url])
        assert "/thumb?url=https://example.com/a" in result.stdout


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Every nginx snippet of the pages, in one server of a real nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    snippets = [block for page in PAGES for block in re.findall(r"```nginx\n(.*?)```", page.read_text(), re.DOTALL)]
    socket = folder / "socket"
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off;"
        + "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + f"server {{ listen unix:{socket}; {''.join(snippets)} }} }}"
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.PIPE)
    try:
        assert eventually(lambda: socket.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1].decode()
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://t") as client:
            yield client
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/?url=https%3A%2F%2Fe.com%2F%3Fa%3D1&width=400&isDarkMode=true", {"thumb_width": 400, "dark_mode": True}),
        (
            "/take?url=https%3A%2F%2Fe.com%2F%3Fa%3D1&image_width=400&full_page=true",
            {"thumb_width": 400, "height": 1024},
        ),
        ("/get/width/400/crop/800/noanimate/https://e.com/?a=1", None),
        ("/get/width/400/crop/800/noanimate/https://e.com/a", {"thumb_width": 400, "height": 800, "width": 1200}),
        ("/", None),
    ],
)
def test_nginx_redirects_of_the_guides_lead_to_valid_urls(
    nginx: httpx.Client, old: str, new: dict[str, object] | None
) -> None:
    answer = nginx.get(old)
    if new is None:
        assert answer.status_code == 404
        return
    options = ours(urlsplit(answer.headers["Location"]).query)
    assert options.url in {"https://e.com/?a=1", "https://e.com/a"}
    assert {name: getattr(options, name) for name in new} == new
