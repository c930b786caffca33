"""The playground without a browser: its HTML, static files, form and status."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.datastructures import MultiDict

from tests.support.access import BEARER, SHOP, SIGNATURES, closed
from tests.web.conftest import Site
from tintype import telemetry
from tintype.options import Options, is_body_only
from tintype.web import form
from tintype.web.playground import Playground
from tintype.web.static_files import FOLDER, static_files


class Page(HTMLParser):
    """Elements of a page: their names and attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture
def page(site: Site) -> Page:
    return Page(site.client.get("/").text)


class TestPage:
    def test_csp_allows_only_files_of_the_service(self, site: Site) -> None:
        answer = site.client.get("/")
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["img-src"] == "'self' blob:"
        assert policy["form-action"] == "'self'"
        assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"

    def test_sends_no_referrer(self, site: Site) -> None:
        headers = site.client.get("/").headers
        assert (headers["Referrer-Policy"], headers["X-Content-Type-Options"]) == ("no-referrer", "nosniff")

    def test_has_no_inline_script_or_style(self, page: Page) -> None:
        assert all("src" in script for script in page.all("script"))
        assert page.all("style") == []
        assert [a for _, attributes in page.elements for a in attributes if a == "style" or a.startswith("on")] == []

    def test_contains_no_url_of_another_host(self, page: Page) -> None:
        named = [each.get("src") or each.get("href") or "" for each in page.all("script", "link", "img", "a", "form")]
        assert [address for address in named if urlsplit(address).netloc] == []

    def test_revalidates_by_etag(self, site: Site) -> None:
        answer = site.client.get("/")
        again = site.client.get("/", headers={"If-None-Match": answer.headers["ETag"]})
        assert (answer.headers["Cache-Control"], again.status_code, again.data) == ("no-cache", 304, b"")
        assert "Content-Security-Policy" in again.headers

    def test_accepts_get_head_and_options(self, site: Site) -> None:
        assert site.client.head("/").data == b""
        assert {"GET", "HEAD", "OPTIONS"} == set(site.client.options("/").headers["Allow"].split(", "))
        assert site.client.post("/").status_code == 405

    def test_returns_404_if_disabled(self) -> None:
        site = Site(playground=Playground(enabled=False))
        addresses = ("/", "/status.json", f"/static/{static_files().digest}/playground.css")
        assert [site.client.get(address).status_code for address in addresses] == [404, 404, 404]

    def test_requires_no_key(self) -> None:
        text = closed(SHOP, signatures=None).client.get("/").text
        assert 'id="key"' in text
        assert 'id="key"' not in Site().client.get("/").text

    def test_has_a_field_for_signed_urls_if_there_are_no_keys(self) -> None:
        assert "data-signed-url" in closed().client.get("/").text


class TestStaticFiles:
    def test_caches_files_for_ever_below_a_content_hash(self, site: Site, page: Page) -> None:
        for each in [*page.all("script"), *page.all("link")]:
            answer = site.client.get("/" + (each.get("src") or each["href"]))
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    def test_content_type_matches_the_suffix(self, site: Site) -> None:
        types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
        for name, body in static_files().files.items():
            answer = site.client.get(f"/static/{static_files().digest}/{name}")
            assert (answer.mimetype, answer.data) == (types[name[name.rindex(".") :]], body)

    @pytest.mark.parametrize(
        "path", ["0/playground.css", "{}/none.css", "{}/../__init__.py", "{}/%2e%2e/rate_limit.py"]
    )
    def test_returns_404_for_other_paths(self, site: Site, path: str) -> None:
        assert site.client.get(f"/static/{path.format(static_files().digest)}").status_code == 404

    def test_scripts_import_only_each_other(self) -> None:
        for script in FOLDER.glob("*.js"):
            imported = re.findall(r"^import .* from \"(.+)\";", script.read_text(), re.MULTILINE)
            assert {name.removeprefix("./") for name in imported} <= static_files().files.keys()

    def test_scripts_never_write_markup(self) -> None:
        written = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
        assert [script.name for script in FOLDER.glob("*.js") if re.search(written, script.read_text())] == []


class TestForm:
    def test_has_a_field_for_every_option(self, page: Page) -> None:
        names = {each["name"] for each in page.all("input", "select", "textarea") if "data-kind" in each}
        assert names == set(Options.model_fields)

    def test_ids_are_unique(self, page: Page) -> None:
        ids = [each["id"] for _, each in page.elements if "id" in each]
        assert len(ids) == len(set(ids))

    def test_labels_every_field(self, page: Page) -> None:
        labelled = {each["for"] for each in page.all("label") if "for" in each}
        fields = [each for each in page.all("input", "select", "textarea") if "id" in each]
        assert {each["id"] for each in fields} <= labelled

    def test_aria_references_exist(self, page: Page) -> None:
        ids = {each["id"] for _, each in page.elements if "id" in each}
        named = [
            name
            for _, each in page.elements
            for about in ("aria-describedby", "aria-labelledby")
            for name in each.get(about, "").split()
        ]
        assert set(named) <= ids

    def test_copies_bounds_and_choices_of_the_options(self, page: Page) -> None:
        fields = {each["id"]: each for each in page.all("input", "select") if "id" in each}
        assert (fields["thumb_width"]["min"], fields["thumb_width"]["max"]) == ("16", "3840")
        assert fields["width"]["placeholder"] == "1280"
        assert {"webp", "avif", "pdf", "iphone-15", "contain"} <= {each["value"] for each in page.all("option")}
        assert ("checked" in fields["block_ads"], "checked" in fields["dark_mode"]) == (True, False)

    def test_omits_hidden_options(self) -> None:
        page = Page(Site(playground=Playground(hidden_options=("js",))).client.get("/").text)
        assert "js" not in {each.get("id") for each in page.all("textarea")}

    def test_marks_body_only_options(self, page: Page) -> None:
        posted = {each["name"] for each in page.all("input", "textarea") if "data-body-only" in each}
        assert posted == {name for name in Options.model_fields if is_body_only(name)}


class TestWithoutJavaScript:
    def untouched(self) -> MultiDict[str, str]:
        """What a browser sends of a form in which nothing but the address was written."""
        fields = MultiDict({"plain": "1", "url": "example.com"})
        for control in (*form.common_fields(), *(each for group in form.field_groups() for each in group.fields)):
            if control.kind == "flag" and control.default == "true":
                fields.add(control.name, "true")
            elif control.kind not in {"multiple", "flag"}:
                fields.add(control.name, control.default if control.kind == "choice" else "")
        return fields

    def test_form_redirects_to_the_thumbnail(self, site: Site) -> None:
        answer = site.client.get("/", query_string=self.untouched())
        assert (answer.status_code, answer.headers["Location"]) == (303, "thumb?url=https%3A%2F%2Fexample.com")

    def test_redirect_contains_the_chosen_options(self, site: Site) -> None:
        form = self.untouched()
        form.setlist("fail_on", ["blank", "login"])
        form["dark_mode"], form["width"] = "true", "800"
        del form["block_ads"]
        options = parse_qsl(urlsplit(site.client.get("/", query_string=form).headers["Location"]).query)
        assert dict(options) == {
            "url": "https://example.com",
            "dark_mode": "true",
            "width": "800",
            "block_ads": "false",
            "fail_on": "blank,login",
        }
        assert site.client.get("/thumb", query_string=options).status_code == 200

    def test_redirect_omits_body_only_options(self, site: Site) -> None:
        form = self.untouched()
        form["cookies"] = "session=s3cret"
        assert "s3cret" not in site.client.get("/", query_string=form).headers["Location"]


class TestStatus:
    def test_returns_totals_of_the_node(self, site: Site) -> None:
        before = telemetry.summarize().thumbnails
        assert site.thumb().headers["X-Cache"] == "MISS"
        assert site.thumb().headers["X-Cache"] == "HIT"
        response = site.client.get("/status.json")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.json["thumbnails"]["hits"] == before["HIT"] + 1
        assert response.json["thumbnails"]["misses"] == before["MISS"] + 1
        assert response.json["queue"] is None
        assert 0 < response.json["hit_ratio"] < 1

    def test_contains_no_url(self, site: Site) -> None:
        site.thumb()
        assert "site.org" not in site.client.get("/status.json").text

    def test_requires_a_key_if_keys_are_configured(self) -> None:
        site = closed(SHOP)
        assert site.client.get("/status.json").status_code == 401
        assert site.client.get("/status.json", headers=BEARER).status_code == 200

    def test_rejects_every_request_if_only_signatures_are_configured(self) -> None:
        assert closed(signatures=SIGNATURES).client.get("/status.json").status_code == 403
