"""The description of the API: valid, complete, and made of what the service goes by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.web.conftest import URL, Site
from tintype import errors
from tintype.cli import Commands
from tintype.commands.openapi import command
from tintype.errors import TintypeError
from tintype.options import Options, is_body_only
from tintype.signing import UrlSigner
from tintype.web.auth import ApiKey, Authenticator
from tintype.web.header_catalog import FIELDS
from tintype.web.openapi import ApiFeatures, document
from tintype.web.playground import Playground

EVERYTHING = ApiFeatures(base="https://thumbs.example.com", keys=True, signatures=True)
FOR_PEOPLE = {"/", "/docs", "/static/<digest>/<name>"}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return document(EVERYTHING)


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def validator(told: dict[str, Any], name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": told["components"]}
    return Draft202012Validator(schema)


class TestTheDocument:
    @pytest.mark.parametrize(
        "about", [ApiFeatures(), EVERYTHING, ApiFeatures(stores_here=False, status=False, metrics=False)]
    )
    def test_is_valid_openapi(self, about: ApiFeatures) -> None:
        assert [error.message for error in OpenAPIV31SpecValidator(document(about)).iter_errors()] == []

    def test_names_every_option_once_where_it_may_be_said(self, told: dict[str, Any]) -> None:
        named = [
            each["$ref"].rpartition("/")[2] for each in told["paths"]["/thumb"]["get"]["parameters"] if "$ref" in each
        ]
        assert sorted(named) == sorted(name for name in Options.model_fields if not is_body_only(name))
        assert set(told["components"]["schemas"]["Request"]["properties"]) == set(Options.model_fields)

    def test_says_nothing_of_secrets_in_addresses(self, told: dict[str, Any]) -> None:
        assert not [name for name in told["components"]["parameters"] if is_body_only(name)]

    def test_gives_every_operation_a_name_of_its_own(self, told: dict[str, Any]) -> None:
        names = [operation["operationId"] for _, _, operation in operations(told)]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("kind", [*errors.ALL, TintypeError], ids=lambda kind: kind.code)
    def test_tells_every_failure_with_an_example(self, told: dict[str, Any], kind: type[TintypeError]) -> None:
        example = told["components"]["examples"][kind.code]["value"]
        validator(told, "Problem").validate(example)
        assert (example["error"], example["status"]) == (kind.code, kind.status)

    def test_puts_failures_under_their_status(self, told: dict[str, Any]) -> None:
        answers = told["paths"]["/thumb"]["post"]["responses"]
        named = {
            status: set(answer["content"]["application/problem+json"]["examples"])
            for status, answer in answers.items()
            if status >= "400"
        }
        assert named["415"] == {"not-a-page", "unsupported-media"}
        assert named["403"] == {"bad-signature"}

    def test_has_defaults_and_bounds_of_the_model(self, told: dict[str, Any]) -> None:
        width = told["components"]["parameters"]["width"]["schema"]
        assert width == {"type": "integer", "minimum": 320, "maximum": 3840, "default": 1280}
        ttl = told["components"]["parameters"]["ttl"]["schema"]
        assert (ttl["minimum"], ttl["type"]) == (0, "integer")

    def test_asks_for_keys_and_signatures_only_where_they_are_asked_for(self) -> None:
        assert "securitySchemes" not in document(ApiFeatures())["components"]
        paths = document(EVERYTHING)["paths"]
        assert paths["/thumb"]["get"]["security"] == [{"bearer": []}, {"key": []}, {"signature": []}]
        assert paths["/persist"]["post"]["security"] == [{"bearer": []}, {"key": []}]
        assert paths["/health"]["get"]["security"] == []


class TestRequests:
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
    def test_that_the_schema_takes_are_taken(self, site: Site, told: dict[str, Any], members: dict[str, Any]) -> None:
        validator(told, "Request").validate(members)
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
    def test_that_the_schema_refuses_are_refused(
        self, site: Site, told: dict[str, Any], members: dict[str, Any]
    ) -> None:
        assert not validator(told, "Request").is_valid(members)
        assert site.client.post("/thumb", json=members).status_code == 400


class TestAnswers:
    @pytest.mark.parametrize(
        ("address", "name"), [("/health", "Health"), ("/ready", "Readiness"), ("/status.json", "Status")]
    )
    def test_of_the_service_are_as_described(self, site: Site, told: dict[str, Any], address: str, name: str) -> None:
        assert_exactly(validator(told, name), site.client.get(address).json)

    def test_about_kept_pictures_are_as_described(self, site: Site, told: dict[str, Any]) -> None:
        assert_exactly(validator(told, "Persisted"), site.persist().json)

    def test_about_pages_are_as_described(self, site: Site, told: dict[str, Any]) -> None:
        site.engine.meta = {"title": "Site", "icons": [{"url": "https://site.org/i"}], "open_graph": {"title": "S"}}
        validator(told, "Meta").validate(site.client.get("/meta", query_string={"url": URL}).json)

    def test_name_all_fields_that_scripts_may_read(self, site: Site) -> None:
        assert site.thumb().headers["Access-Control-Expose-Headers"].split(", ") == list(FIELDS)

    def test_have_fields_whose_values_are_as_described(self, site: Site, told: dict[str, Any]) -> None:
        headers = site.thumb().headers
        fields = told["paths"]["/thumb"]["get"]["responses"]["200"]["headers"]
        for name in set(fields) & set(headers.keys()):
            schema = told["components"]["headers"][name]["schema"]
            value: Any = int(headers[name]) if schema["type"] == "integer" else headers[name]
            jsonschema.validate(value, schema)
        assert {"Age", "ETag", "X-Cache", "X-Verdict", "X-Request-Id"} <= set(headers.keys())


def assert_exactly(schema: Draft202012Validator, members: Any) -> None:
    """Valid, and no member that is not described."""
    schema.validate(members)
    name = schema.schema["$ref"].rpartition("/")[2]
    assert set(members) <= set(schema.schema["components"]["schemas"][name]["properties"])


class TestTheRoute:
    def test_tells_of_every_route_and_of_no_other(self, site: Site) -> None:
        rules = [rule for rule in site.app.url_map.iter_rules() if rule.rule not in FOR_PEOPLE]
        there = {
            (re.sub(r"<path:(\w+)>", r"{\1}", rule.rule), method.lower())
            for rule in rules
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
        told = site.client.get("/openapi.json").json
        assert {(path, method) for path, method, _ in operations(told)} == there

    def test_tells_how_one_gets_in(self) -> None:
        site = Site(access=Authenticator([ApiKey.parse("shop:" + "k" * 32)], UrlSigner(["s" * 32])))
        assert set(site.client.get("/openapi.json").json["components"]["securitySchemes"]) == {
            "bearer",
            "key",
            "signature",
        }

    def test_is_for_everybody_and_sent_again_only_when_it_changed(self, site: Site) -> None:
        first = site.client.get("/openapi.json")
        assert (first.content_type, first.headers["Access-Control-Allow-Origin"]) == ("application/json", "*")
        assert site.client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304

    def test_is_there_without_the_pages(self) -> None:
        site = Site(playground=Playground(enabled=False))
        assert site.client.get("/openapi.json").status_code == 200
        assert site.client.get("/docs").status_code == 404
        assert "/status.json" not in site.client.get("/openapi.json").json["paths"]


class TestThePage:
    def test_tells_every_operation_option_failure_and_object(self, site: Site, told: dict[str, Any]) -> None:
        page = site.client.get("/docs").text
        parts = {operation["operationId"] for _, _, operation in operations(told)} | set(told["components"]["schemas"])
        assert {part for part in parts - {"Request"} if f'id="{part}"' not in page} == set()
        words = {*Options.model_fields, *(kind.code for kind in errors.ALL if kind.status not in {401, 403, 405})}
        assert {word for word in words if f"<code>{word}</code>" not in page} == set()

    def test_loads_nothing_from_elsewhere(self, site: Site) -> None:
        answer = site.client.get("/docs")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        linked = re.findall(r'<(?:link|img|script)[^>]+(?:href|src)="([^"]+)"', answer.text)
        assert linked
        for address in linked:
            assert site.client.get(f"/{address}").status_code == 200

    def test_has_no_link_that_leads_nowhere(self, site: Site) -> None:
        page = site.client.get("/docs").text
        assert {name for name in re.findall(r'href="#([^"]+)"', page) if f'id="{name}"' not in page} == set()


class TestTheCommand:
    def test_prints_what_the_route_answers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("TINTYPE_PUBLIC_URL", "https://thumbs.example.com")
        told = json.loads(CliRunner().invoke(command).stdout)
        assert told["servers"] == [{"url": "https://thumbs.example.com"}]
        assert set(told["paths"]) == set(document(ApiFeatures())["paths"])
        assert "openapi" in Commands().list_commands(None)  # type: ignore[arg-type]

    def test_writes_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        assert CliRunner().invoke(command, ["-o", str(tmp_path / "api.json")]).exit_code == 0
        assert json.loads((tmp_path / "api.json").read_text())["openapi"] == "3.1.0"

    def test_says_where_it_could_not_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        done = CliRunner().invoke(command, ["-o", str(tmp_path / "nowhere" / "api.json")])
        assert (done.exit_code, "No such file" in done.output) == (1, True)
