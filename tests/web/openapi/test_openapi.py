"""The OpenAPI document, the routes that serve it, the docs page, and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.schedules import ScheduleHarness
from tests.web.conftest import URL, Site
from tests.web.jobs.conftest import JobSite
from tests.web.schedules.conftest import ScheduleSite
from tintype import errors
from tintype.api_keys import ApiKey
from tintype.cli import Commands
from tintype.commands.openapi import command
from tintype.errors import TintypeError
from tintype.options import Options, is_body_only
from tintype.signing import UrlSigner
from tintype.web.auth import Authenticator
from tintype.web.bodies import HealthReport, ReadinessReport, StatusReport
from tintype.web.header_catalog import FIELDS
from tintype.web.openapi import ApiFeatures, document
from tintype.web.playground import Playground
from tintype.webhooks.sender import payload_of

ADMIN_ROUTES = {"/purge", "/stored"}
ADMIN_OPERATIONS = {("/stored/{key}", "delete")}
"""Documented if admin keys are configured."""
ALL_FEATURES = ApiFeatures(base="https://thumbs.example.com", keys=True, signatures=True, admin=True)
HTML_ROUTES = {"/", "/docs", "/playground/jobs", "/static/<digest>/<name>"}


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return document(ALL_FEATURES)


def operations(api: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def descriptions(part: Any) -> Iterator[str]:
    """Every description and summary, at any depth."""
    if isinstance(part, list):
        for each in part:
            yield from descriptions(each)
    elif isinstance(part, dict):
        for name, each in part.items():
            if name in {"description", "summary"} and isinstance(each, str):
                yield each
            elif name not in {"value", "example"}:
                yield from descriptions(each)


def validator(api: dict[str, Any], name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": api["components"]}
    return Draft202012Validator(schema)


class TestDocument:
    @pytest.mark.parametrize(
        "features", [ApiFeatures(), ALL_FEATURES, ApiFeatures(serves_stored=False, status=False, metrics=False)]
    )
    def test_conforms_to_openapi_3_1(self, features: ApiFeatures) -> None:
        assert [error.message for error in OpenAPIV31SpecValidator(document(features)).iter_errors()] == []

    def test_lists_every_option_once(self, api: dict[str, Any]) -> None:
        named = [
            each["$ref"].rpartition("/")[2] for each in api["paths"]["/thumb"]["get"]["parameters"] if "$ref" in each
        ]
        assert sorted(named) == sorted(name for name in Options.model_fields if not is_body_only(name))
        assert set(api["components"]["schemas"]["Request"]["properties"]) == set(Options.model_fields)

    def test_lists_no_body_only_option_as_a_query_parameter(self, api: dict[str, Any]) -> None:
        assert not [name for name in api["components"]["parameters"] if is_body_only(name)]

    @pytest.mark.parametrize("features", [ApiFeatures(), ALL_FEATURES])
    def test_descriptions_are_markdown_for_clients(self, features: ApiFeatures) -> None:
        texts = list(descriptions(document(features)))
        assert len(texts) > 150
        unfit = re.compile(r"``|:[a-z]+:`|\bdocs/|\b(?:TINTYPE_|Base of|self\b|pydantic|docstring)|[\w.]+\(\)")
        assert [text for text in texts if unfit.search(text)] == []
        assert [text for text in texts if text.count("`") % 2] == [], "a code span has no end"
        assert [text for text in texts if not text.strip() or text != text.strip()] == []

    def test_lists_several_errors_of_one_status(self, api: dict[str, Any]) -> None:
        text = api["paths"]["/thumb"]["get"]["responses"]["503"]["description"]
        assert [line.split("`")[1] for line in text.splitlines()] == ["overloaded", "backend-unavailable"]
        assert all(line.startswith("- `") for line in text.splitlines())

    def test_operation_ids_are_unique(self, api: dict[str, Any]) -> None:
        names = [operation["operationId"] for _, _, operation in operations(api)]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("kind", [*errors.ALL, TintypeError], ids=lambda kind: kind.code)
    def test_has_a_valid_example_of_every_error(self, api: dict[str, Any], kind: type[TintypeError]) -> None:
        example = api["components"]["examples"][kind.code]["value"]
        validator(api, "Problem").validate(example)
        assert (example["error"], example["status"]) == (kind.code, kind.status)

    def test_groups_errors_by_status(self, api: dict[str, Any]) -> None:
        found = api["paths"]["/thumb"]["post"]["responses"]
        named = {
            status: set(response["content"]["application/problem+json"]["examples"])
            for status, response in found.items()
            if status >= "400"
        }
        assert named["415"] == {"not-a-page", "unsupported-media"}
        assert named["403"] == {"bad-signature", "closed", "host-not-allowed"}, (
            "only routes of operators answer forbidden"
        )

    def test_copies_defaults_and_bounds_of_the_options_model(self, api: dict[str, Any]) -> None:
        width = api["components"]["parameters"]["width"]["schema"]
        assert width == {"type": "integer", "minimum": 320, "maximum": 3840, "default": 1280}
        ttl = api["components"]["parameters"]["ttl"]["schema"]
        assert (ttl["minimum"], ttl["type"]) == (0, "integer")

    def test_lists_security_schemes_only_if_they_are_configured(self) -> None:
        assert "securitySchemes" not in document(ApiFeatures())["components"]
        paths = document(ALL_FEATURES)["paths"]
        assert paths["/thumb"]["get"]["security"] == [{"bearer": []}, {"key": []}, {"signature": []}]
        assert paths["/persist"]["post"]["security"] == [{"bearer": []}, {"key": []}]
        assert paths["/health"]["get"]["security"] == []


class TestRequestSchema:
    @pytest.mark.parametrize(
        "members",
        [
            {"url": URL},
            {"html": "<p>page", "width": 800},
            {
                "url": URL,
                "clip": [0, 0, 100, 100],
                "geolocation": [48.2, 16.4],
                "fail_on": ["blank"],
                "locale": "de-AT",
            },
            {"url": URL, "headers": {"X-Page": "1"}, "cookies": {"a": "b"}, "basic_auth": "me:secret"},
            {"url": URL, "cookies": [{"name": "a", "value": "b", "path": "/"}], "device": "pixel-8", "ttl": 5},
        ],
    )
    def test_service_accepts_what_the_schema_accepts(
        self, site: Site, api: dict[str, Any], members: dict[str, Any]
    ) -> None:
        validator(api, "Request").validate(members)
        assert site.client.post("/thumb", json=members).status_code == 200

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"url": URL, "html": "<p>"},
            {"url": URL, "width": 5},
            {"url": URL, "clip": [0, 0, 0, 1]},
            {"url": URL, "fail_on": ["ok"]},
            {"url": URL, "locale": "not a tag"},
            {"url": URL, "device": "telephone"},
            {"url": URL, "colour": "red"},
        ],
    )
    def test_service_rejects_what_the_schema_rejects(
        self, site: Site, api: dict[str, Any], members: dict[str, Any]
    ) -> None:
        assert not validator(api, "Request").is_valid(members)
        assert site.client.post("/thumb", json=members).status_code == 400


class TestJobSchema:
    """The body of ``POST /jobs``."""

    @pytest.fixture(scope="class")
    @staticmethod
    def schema(api: dict[str, Any]) -> Draft202012Validator:
        content = api["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]
        found = Draft202012Validator({**content["schema"], "components": api["components"]})
        found.validate(content["example"])
        return found

    @pytest.mark.parametrize(
        "members",
        [
            {"pages": [URL, {"url": URL, "width": 800}]},
            {"sitemap": URL, "include": ["/blog/*"], "exclude": "*.pdf", "max_pages": 5},
            {"pages": [URL], "webhook": "https://hooks.site.org/"},
            {"pages": [URL], "webhook": {"url": "https://hooks.site.org/", "events": ["page.failed"]}},
            {"pages": [URL], "options": {"full_page": True}, "store": False, "name": "news", "partial_ok": True},
        ],
    )
    def test_service_accepts_what_the_schema_accepts(
        self, schema: Draft202012Validator, tmp_path: Path, members: dict[str, Any]
    ) -> None:
        schema.validate(members)
        assert JobSite(folder=tmp_path).client.post("/jobs", json=members).status_code == 202

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"pages": []},
            {"pages": [{"width": 800}]},
            {"pages": [{"url": URL, "html": "<p>"}]},
            {"pages": [{"url": URL, "cookies": {"a": "b"}}]},
            {"pages": [URL], "options": {"url": URL}},
            {"pages": [URL], "options": {"width": 5}},
            {"pages": [URL], "options": {"basic_auth": "a:b"}},
            {"pages": [URL], "name": "n" * 101},
            {"pages": [URL], "store": "yes"},
            {"pages": [URL], "width": 800},
            {"pages": [URL], "sitemap": URL},
            {"pages": [URL], "include": ["/blog/*"]},
            {"sitemap": URL, "max_pages": 0},
            {"sitemap": URL, "exclude": [""]},
            {"sitemap": 5},
            {"pages": [URL], "webhook": 5},
            {"pages": [URL], "webhook": {"events": ["page.failed"]}},
            {"pages": [URL], "webhook": {"url": "https://hooks.site.org/", "events": []}},
            {"pages": [URL], "webhook": {"url": "https://hooks.site.org/", "events": ["webhook.test"]}},
        ],
    )
    def test_service_rejects_what_the_schema_rejects(
        self, schema: Draft202012Validator, tmp_path: Path, members: dict[str, Any]
    ) -> None:
        assert not schema.is_valid(members)
        assert JobSite(folder=tmp_path).client.post("/jobs", json=members).status_code == 400


class TestWebhookSchema:
    """The body of ``POST /thumb`` and ``POST /persist`` with a webhook, and what receivers get."""

    @pytest.mark.parametrize("path", ["/thumb", "/persist"])
    def test_service_accepts_what_the_schema_accepts(self, path: str, api: dict[str, Any], tmp_path: Path) -> None:
        members = {"url": URL, "width": 800, "webhook": {"url": "https://hooks.site.org/", "events": ["page.failed"]}}
        validator(api, "WebhookRequest").validate(members)
        response = JobSite(folder=tmp_path).client.post(path, json=members)
        assert response.status_code == 202
        assert_exactly(validator(api, "JobReport"), response.json)

    @pytest.mark.parametrize(
        "more", [{"html": "<p>"}, {"cookies": {"a": "b"}}, {"webhook": {}}, {"width": 5}, {"colour": "red"}]
    )
    def test_service_rejects_what_the_schema_rejects(
        self, api: dict[str, Any], tmp_path: Path, more: dict[str, Any]
    ) -> None:
        members = {"url": URL, "webhook": "https://hooks.site.org/", **more}
        assert not validator(api, "WebhookRequest").is_valid(members)
        assert JobSite(folder=tmp_path).client.post("/thumb", json=members).status_code == 400

    def test_bodies_match_their_schemas_exactly(self, api: dict[str, Any], tmp_path: Path) -> None:
        site = JobSite(folder=tmp_path)
        job = site.job(URL, webhook="https://hooks.site.org/")
        site.client.delete(f"/jobs/{job}")
        listed = site.client.get("/webhooks/deliveries").json
        assert_exactly(validator(api, "DeliveryList"), listed)
        (delivery,) = listed["deliveries"]
        resent = site.client.post(f"/webhooks/deliveries/{delivery['id']}/resend").json
        assert_exactly(validator(api, "DeliveryReport"), resent)
        event = json.loads(payload_of(site.webhooks.delivery(delivery["id"], None)))
        assert_exactly(validator(api, "WebhookEvent"), event)
        validator(api, "JobReport").validate(event["data"])


class TestScheduleSchema:
    """The body of ``POST /schedules``."""

    @pytest.fixture(scope="class")
    @staticmethod
    def schema(api: dict[str, Any]) -> Draft202012Validator:
        content = api["paths"]["/schedules"]["post"]["requestBody"]["content"]["application/json"]
        found = Draft202012Validator({**content["schema"], "components": api["components"]})
        found.validate(content["example"])
        return found

    @pytest.mark.parametrize(
        "members",
        [
            {"page": URL, "every": "15m"},
            {"pages": [URL, {"url": URL, "width": 800}], "cron": "0 8 * * *", "timezone": "Europe/Vienna"},
            {"page": URL, "every": "1d", "ignore_regions": [[0, 0, 5, 5]], "threshold": 1, "notify": "always"},
            {"page": URL, "every": "1d", "webhook": {"url": "https://a.org/hook"}, "paused": True, "name": "n"},
            {"sitemap": "https://a.org/", "every": "1d", "max_pages": 5, "exclude": ["*.pdf"]},
            {"page": URL, "every": "1d", "webhook": {}, "options": {"full_page": True}, "ignore_selectors": ["#a"]},
        ],
    )
    def test_service_accepts_what_the_schema_accepts(
        self, schema: Draft202012Validator, tmp_path: Path, members: dict[str, Any]
    ) -> None:
        schema.validate(members)
        assert JobSite(folder=tmp_path).client.post("/schedules", json=members).status_code == 201

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"page": URL},
            {"every": "1h"},
            {"page": URL, "pages": [URL], "every": "1h"},
            {"page": URL, "every": "1h", "cron": "0 8 * * *"},
            {"page": URL, "every": "1h", "timezone": "UTC"},
            {"page": URL, "every": 900},
            {"page": URL, "every": "1h", "notify": "never"},
            {"page": URL, "every": "1h", "threshold": 101},
            {"page": URL, "every": "1h", "ignore_regions": [[0, 0, 5]]},
            {"page": URL, "every": "1h", "webhook": {"url": "ftp://a.org/"}},
            {"page": URL, "every": "1h", "store": True},
        ],
    )
    def test_service_rejects_what_the_schema_rejects(
        self, schema: Draft202012Validator, tmp_path: Path, members: dict[str, Any]
    ) -> None:
        assert not schema.is_valid(members)
        assert JobSite(folder=tmp_path).client.post("/schedules", json=members).status_code == 400


class TestResponseSchemas:
    @pytest.mark.parametrize(
        ("path", "model"), [("/health", HealthReport), ("/ready", ReadinessReport), ("/status.json", StatusReport)]
    )
    def test_reports_match_their_schemas_exactly(self, site: Site, api: dict[str, Any], path: str, model: type) -> None:
        assert_exactly(validator(api, model.__name__), site.client.get(path).json)

    def test_bodies_of_jobs_match_their_schemas_exactly(self, tmp_path: Path, api: dict[str, Any]) -> None:
        site = JobSite(folder=tmp_path)
        submitted = site.submit(URL, "nonsense", partial_ok=True).json
        job, client = submitted["id"], site.client
        for model, found in (
            ("JobReport", submitted),
            ("JobReport", client.get(f"/jobs/{job}").json),
            ("JobList", client.get("/jobs").json),
            ("JobPageList", client.get(f"/jobs/{job}/pages").json),
            ("JobChange", client.delete(f"/jobs/{job}").json),
        ):
            assert_exactly(validator(api, model), found)

    def test_bodies_of_schedules_match_their_schemas_exactly(self, tmp_path: Path, api: dict[str, Any]) -> None:
        site = ScheduleSite(node=ScheduleHarness(tmp_path))
        schedule, client = site.created(), site.client
        run = site.run(schedule)
        for model, found in (
            ("ScheduleReport", client.get(f"/schedules/{schedule}").json),
            ("ScheduleList", client.get("/schedules").json),
            ("RunList", client.get(f"/schedules/{schedule}/runs").json),
            ("RunReport", client.get(f"/schedules/{schedule}/runs/{run.id}").json),
            ("ScheduleRemoval", client.delete(f"/schedules/{schedule}").json),
        ):
            assert_exactly(validator(api, model), found)

    def test_persisted_thumbnail_matches_its_schema_exactly(self, site: Site, api: dict[str, Any]) -> None:
        assert_exactly(validator(api, "PersistedThumbnail"), site.persist().json)

    def test_page_metadata_matches_its_schema(self, site: Site, api: dict[str, Any]) -> None:
        site.engine.meta = {"title": "Site", "icons": [{"url": "https://site.org/i"}], "open_graph": {"title": "S"}}
        validator(api, "PageMetadata").validate(site.client.get("/meta", query_string={"url": URL}).json)

    def test_cors_exposes_every_header_of_the_catalogue(self, site: Site) -> None:
        assert site.thumb(headers={"Origin": "https://a.org"}).headers["Access-Control-Expose-Headers"].split(
            ", "
        ) == list(FIELDS)

    def test_headers_match_their_schemas(self, site: Site, api: dict[str, Any]) -> None:
        headers = site.thumb().headers
        fields = api["paths"]["/thumb"]["get"]["responses"]["200"]["headers"]
        for name in set(fields) & set(headers.keys()):
            schema = api["components"]["headers"][name]["schema"]
            value: Any = int(headers[name]) if schema["type"] == "integer" else headers[name]
            jsonschema.validate(value, schema)
        assert {"Age", "ETag", "X-Cache", "X-Verdict", "X-Request-Id"} <= set(headers.keys())


def assert_exactly(schema: Draft202012Validator, members: Any) -> None:
    """Assert that the members are valid and that the schema lists all of them."""
    schema.validate(members)
    name = schema.schema["$ref"].rpartition("/")[2]
    assert set(members) <= set(schema.schema["components"]["schemas"][name]["properties"])


class TestOpenapiRoute:
    def test_lists_exactly_the_routes_of_the_application(self, tmp_path: Path) -> None:
        site = JobSite(folder=tmp_path)
        rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule not in {*HTML_ROUTES, *ADMIN_ROUTES}]
        served = {
            (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
            for rule in rules
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
        api = site.client.get("/openapi.json").json
        assert {(path, method) for path, method, _ in operations(api or {})} == served - ADMIN_OPERATIONS

    def test_lists_the_routes_of_operators_if_admin_keys_are_configured(self) -> None:
        site = Site(authenticator=Authenticator(admin_keys=[ApiKey.parse("ops:" + "k" * 32)]))
        assert set(site.client.get("/openapi.json").json["paths"]) >= ADMIN_ROUTES

    def test_lists_the_configured_security_schemes(self) -> None:
        site = Site(authenticator=Authenticator([ApiKey.parse("shop:" + "k" * 32)], UrlSigner(["s" * 32])))
        assert set(site.client.get("/openapi.json").json["components"]["securitySchemes"]) == {
            "bearer",
            "key",
            "signature",
        }

    def test_requires_no_key_and_supports_if_none_match(self, site: Site) -> None:
        first = site.client.get("/openapi.json")
        assert (first.content_type, first.headers["Vary"]) == ("application/json", "Origin")
        assert site.client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304

    def test_remains_if_the_playground_is_disabled(self) -> None:
        site = Site(playground=Playground(enabled=False))
        assert site.client.get("/openapi.json").status_code == 200
        assert site.client.get("/docs").status_code == 404
        paths = site.client.get("/openapi.json").json["paths"]
        assert {"/status.json", "/jobs", "/schedules"} & set(paths) == set(), (
            "the page is off, and this site has no jobs"
        )


def examples(page: str) -> list[str]:
    """The commands of the page."""
    return [unescape(text) for text in re.findall(r'<code id="\w+-curl">(.*?)</code>', page, re.DOTALL)]


class TestDocsPage:
    def test_lists_every_operation_option_error_and_object(self, tmp_path: Path, api: dict[str, Any]) -> None:
        page = JobSite(folder=tmp_path).client.get("/docs").text
        parts = {operation["operationId"] for _, _, operation in operations(api)} | set(api["components"]["schemas"])
        assert {
            part
            for part in parts
            - {
                "Request",
                "JobOptions",
                "WebhookRequest",
                "purge",
                "storedList",
                "storedDelete",
                "storedDeleteOne",
                "progress",
                "cancel",
            }
            if f'id="{part}"' not in page
        } == set()
        words = {*Options.model_fields, *(kind.code for kind in errors.ALL if kind.status not in {401, 403, 405})}
        words = words - {"quota-exceeded"} | {"closed"}
        assert {word for word in words if f"<code>{word}</code>" not in page} == set()

    def test_loads_only_files_of_the_service(self, site: Site) -> None:
        answer = site.client.get("/docs")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        linked = re.findall(r'<(?:link|img|script)[^>]+(?:href|src)="([^"]+)"', answer.text)
        assert linked
        for url in linked:
            assert site.client.get(f"/{url}").status_code == 200

    @pytest.mark.parametrize(
        ("headers", "base"),
        [
            ({"Host": "127.0.0.1:8400"}, "http://127.0.0.1:8400"),
            ({"Host": "[::1]:8400"}, "http://[::1]:8400"),
            ({"Host": "thumbs.example.com", "X-Forwarded-Proto": "https"}, "https://thumbs.example.com"),
            ({"Host": "example.com", "X-Forwarded-Prefix": "/tools/thumbs/"}, "http://example.com/tools/thumbs"),
            ({"Host": "example.com", "X-Forwarded-Prefix": "/$(reboot)"}, "http://example.com"),
        ],
    )
    def test_examples_have_the_base_url_of_the_request(self, headers: dict[str, str], base: str) -> None:
        site = Site(trusted_proxies=("127.0.0.1",))
        urls = set(re.findall(r"https?://[^\s']+", "\n".join(examples(site.client.get("/docs", headers=headers).text))))
        assert f"{base}/thumb?url=https%3A%2F%2Fexample.com%2F" in urls
        assert {url for url in urls if not url.startswith(f"{base}/")} == {'https://example.com/"}'}

    def test_ignores_a_prefix_and_a_scheme_of_other_clients(self, site: Site) -> None:
        headers = {"Host": "example.com", "X-Forwarded-Prefix": "/other", "X-Forwarded-Proto": "https"}
        assert "'http://example.com/thumb?" in unescape(site.client.get("/docs", headers=headers).text)

    def test_prefers_the_public_url(self) -> None:
        page = Site(public_url="https://thumbs.example.com").client.get("/docs").text
        assert all("'https://thumbs.example.com/" in example for example in examples(page))
        assert "data-base" not in page

    def test_replaces_a_host_that_no_command_may_contain(self, site: Site) -> None:
        page = site.client.get("/docs", headers={"Host": "x$(reboot)"}).text
        assert "reboot" not in page
        assert "'http://localhost/thumb?" in unescape(page)

    def test_renders_code_spans(self, site: Site) -> None:
        page = site.client.get("/docs").text
        assert "Same as <code>detail</code>." in page
        assert re.findall(r"<(?:td|p)[^>]*>[^<]*`", page) == []

    def test_has_no_broken_internal_link(self, site: Site) -> None:
        page = site.client.get("/docs").text
        assert {name for name in re.findall(r'href="#([^"]+)"', page) if f'id="{name}"' not in page} == set()


class TestCommand:
    def test_prints_the_document(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("TINTYPE_PUBLIC_URL", "https://thumbs.example.com")
        api = json.loads(CliRunner().invoke(command).stdout)
        assert api["servers"] == [{"url": "https://thumbs.example.com"}]
        assert set(api["paths"]) == set(document(ApiFeatures())["paths"])
        assert "openapi" in Commands().list_commands(None)  # type: ignore[arg-type]

    def test_writes_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        assert CliRunner().invoke(command, ["-o", str(tmp_path / "api.json")]).exit_code == 0
        assert json.loads((tmp_path / "api.json").read_text())["openapi"] == "3.1.0"

    def test_reports_a_file_that_it_cannot_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        done = CliRunner().invoke(command, ["-o", str(tmp_path / "nowhere" / "api.json")])
        assert (done.exit_code, "No such file" in done.output) == (1, True)
