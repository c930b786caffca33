"""``POST /persist`` and ``GET /stored/<key>``."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from werkzeug.test import TestResponse

from tests.support.fakes import ThreadLocks
from tests.web.conftest import URL, Site
from tintype import access_log, logs
from tintype.errors import CaptureTimeout
from tintype.model import is_storage_key
from tintype.options import Options

FOREVER = "public, max-age=31536000, immutable"
CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}


def path(url: str) -> str:
    return url.removeprefix("http://localhost")


def post(site: Site, body: io.BytesIO, environ: Mapping[str, object]) -> TestResponse:
    return site.client.post(
        "/persist", input_stream=body, content_type="application/json", environ_overrides=dict(environ)
    )


def read_of(site: Site, size: int, environ: Mapping[str, object]) -> int:
    """Bytes of a body of so many that were read before it was refused."""
    sent = io.BytesIO(bytes(size))
    answer = post(site, sent, environ)
    assert (answer.status_code, answer.json["error"]) == (413, "body-too-large")
    return sent.tell()


class TestPersist:
    def test_returns_the_permanent_url(self, site: Site) -> None:
        answer = site.persist(thumb_width=320, format="webp")
        assert answer.status_code == 200
        assert list(answer.json or ()) == [
            "url",
            "key",
            "cached",
            "content_type",
            "width",
            "height",
            "bytes",
            "verdict",
        ]
        assert is_storage_key(answer.json["key"])
        assert answer.json["url"] == f"http://localhost/stored/{answer.json['key']}"
        assert (answer.json["content_type"], answer.json["width"], answer.json["height"]) == ("image/webp", 320, 180)
        stored = site.client.get(path(answer.json["url"]))
        assert (stored.status_code, len(stored.data)) == (200, answer.json["bytes"])

    def test_stores_an_equal_request_once(self, site: Site) -> None:
        first, second = site.persist().json, site.persist().json
        assert second == {**(first or {}), "cached": True}
        assert site.engine.capture_count == 1

    def test_captures_again_if_fresh(self, site: Site) -> None:
        first = site.persist().json
        site.clock.advance(1)
        second = site.persist(fresh=True).json
        assert (second["cached"], second["key"] != first["key"]) == (False, True)

    def test_reuses_a_cached_thumbnail(self, site: Site) -> None:
        thumbnail = site.thumb()
        assert site.client.get(path(site.persist().json["url"])).data == thumbnail.data
        assert site.engine.capture_count == 1

    def test_accepts_every_option_of_thumb_in_json_types(self, site: Site) -> None:
        members = {
            "width": 800,
            "dark_mode": True,
            "scale": 1.5,
            "delay": "100",
            "full_page": None,
            "on_error": "image",
        }
        assert site.persist(**members).status_code == 200
        shot = site.engine.shots[0]
        assert (shot.emulation.width, shot.emulation.dark_mode, shot.emulation.scale) == (800, True, 1.5)
        assert (shot.wait.delay, shot.region.full_page) == (100, False)

    def test_urls_start_with_the_public_url(self) -> None:
        site = Site(public_url="https://thumbs.example.com/base")
        assert site.persist().json["url"].startswith("https://thumbs.example.com/base/stored/thumbs/")

    def test_urls_use_the_scheme_of_a_trusted_proxy(self) -> None:
        headers = {"X-Forwarded-Proto": "https", "Host": "thumbs.org"}
        for trusted, scheme in ((("127.0.0.0/8",), "https"), ((), "http")):
            answer = Site(trusted_proxies=trusted).client.post("/persist", json={"url": URL}, headers=headers)
            assert answer.json["url"].startswith(f"{scheme}://thumbs.org/stored/")

    def test_keeps_absolute_urls_of_the_storage(self, site: Site) -> None:
        site.storage._base = "https://cdn.example.com/"
        assert site.persist().json["url"].startswith("https://cdn.example.com/thumbs/")

    def test_returns_503_if_the_storage_fails(self, site: Site) -> None:
        site.storage.error = "the disk is full"
        answer = site.persist()
        assert (answer.status_code, answer.json["error"]) == (503, "backend-unavailable")

    def test_stores_nothing_if_the_capture_fails(self, site: Site) -> None:
        answer = site.persist(url="http://10.0.0.1/")
        assert (answer.status_code, answer.json["error"], site.storage.keys()) == (400, "target-denied", [])

    def test_has_no_cors_headers(self, site: Site) -> None:
        answer = site.client.options("/persist", headers={"Origin": "https://evil.org"})
        assert "Access-Control-Allow-Origin" not in answer.headers


class TestPrivateCapture:
    """Credentials of a client, and hashes of them, leave the process nowhere."""

    CREDENTIALS: ClassVar[dict[str, Any]] = {
        "basic_auth": "anna:hunter2",
        "cookies": {"session": "4711"},
        "headers": {"X-Token": "0815"},
    }

    def hashes(self) -> list[str]:
        """What a person with the password could compute: hashes of the request, of the shot and of the password."""
        request = Options.model_validate({"url": URL, **self.CREDENTIALS}).capture_request()
        texts = ["anna:hunter2", "hunter2", "YW5uYTpodW50ZXIy", request.key, request.shot.key]
        digests = [hashlib.new(name, text.encode()).hexdigest() for name in ("sha256", "md5") for text in texts]
        return [*texts, *digests, *(digest[:16] for digest in digests), request.key[:16], request.shot.key[:16]]

    def test_leaves_no_hash_of_its_credentials_anywhere(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure(level="debug", log_format="json")
        locks = ThreadLocks()
        site.service._pipeline._locks = locks
        members = {"url": URL, **self.CREDENTIALS}
        answers = [
            site.persist(**self.CREDENTIALS),
            site.persist(**self.CREDENTIALS, fresh=True),
            site.client.post("/thumb", json=members),
            site.client.post("/thumb", json={**members, "format": "webp", "thumb_width": 320}),
            site.client.post("/thumb", json={**members, "placeholder": True}),
            site.client.get("/metrics", environ_overrides={"REMOTE_ADDR": "127.0.0.1"}),
        ]
        site.engine.error = CaptureTimeout()
        answers.append(site.client.post("/thumb", json=members))
        access_log.flush()
        sent = "".join(f"{answer.headers} {answer.get_data().decode('latin-1')}" for answer in answers)
        kept = [*site.records.keys(), *site.masters.keys(), *locks.requested, *map(str, site.counters._counts)]
        objects = [f"{found}" for found in site.storage._objects.values()]
        visible = "\n".join([sent, *kept, *objects, *capsys.readouterr()])
        assert [status.status_code for status in answers[:4]] == [200] * 4
        assert [text for text in self.hashes() if text in visible] == []

    def test_occupies_no_more_when_stored_twice(self, site: Site) -> None:
        first = site.persist(**self.CREDENTIALS).json
        site.engine.shots.clear()  # the fake engine draws each capture in another colour
        second = site.persist(**self.CREDENTIALS).json
        assert (second, len(site.storage.keys())) == (first, 1)

    def test_differs_from_the_public_capture_and_is_never_returned_for_it(self, site: Site) -> None:
        private = site.persist(**self.CREDENTIALS).json["key"]
        public = site.persist().json["key"]
        assert private.partition("-")[0] != public.partition("-")[0]
        assert public.startswith(f"thumbs/{Options(url=URL).capture_request().key}-")


class TestRequestBody:
    @pytest.mark.parametrize(
        "body",
        ["", "{", "[1]", '"text"', "null", "12", "NaN", '{"url": NaN}', "{'url': 1}", "[" * 100_000, "\ufeff{}",
         '{"width": ' + "9" * 5000 + "}"],
    )  # fmt: skip
    def test_rejects_anything_but_a_json_object(self, site: Site, body: str) -> None:
        answer = site.client.post("/persist", data=body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json["errors"][0]["parameter"] == "body"

    def test_rejects_invalid_utf_8(self, site: Site) -> None:
        assert site.client.post("/persist", data=b"\xff\xfe", content_type="application/json").status_code == 400

    @pytest.mark.parametrize(
        "body", ["{}", '{"url": null}', '{"url": 5}', '{"url": "\\ud800"}', '{"url": ["https://site.org/"]}']
    )
    def test_requires_a_url(self, site: Site, body: str) -> None:
        answer = site.client.post("/persist", data=body, content_type="application/json")
        assert answer.status_code == 400
        assert [each["parameter"] for each in answer.json["errors"]] == ["url"]

    @pytest.mark.parametrize(
        ("member", "name"),
        [
            ('"width": 640.5', "width"), ('"width": true', "width"), ('"width": 640, "width": 640', "width"),
            ('"scale": 1e400', "scale"), ('"scale": 1' + "0" * 400, "scale"), ('"dark_mode": 2', "dark_mode"),
            ('"format": {"a": 1}', "format"), ('"selector": 1', "selector"), ('"x": 1', "x"), ('"\\ud800": 1', "?"),
        ],
    )  # fmt: skip
    def test_names_the_invalid_member(self, site: Site, member: str, name: str) -> None:
        body = f'{{"url": "{URL}", {member}}}'
        answer = site.client.post("/persist", data=body, content_type="application/json")
        assert answer.status_code == 400
        assert [each["parameter"] for each in answer.json["errors"]] == [name]

    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
    def test_rejects_other_media_types(self, site: Site, kind: str) -> None:
        answer = site.client.post("/persist", data=json.dumps({"url": URL}), content_type=kind)
        assert (answer.status_code, answer.json["error"]) == (415, "unsupported-media")

    @pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.api+json"])
    def test_accepts_media_types_based_on_json(self, site: Site, kind: str) -> None:
        assert site.client.post("/persist", data=json.dumps({"url": URL}), content_type=kind).status_code == 200

    def test_rejects_more_than_a_megabyte(self, site: Site) -> None:
        body: dict[str, Any] = {"url": URL, "selector": "x" * (1 << 20)}
        answer = site.client.post("/persist", json=body)
        assert (answer.status_code, answer.json["error"]) == (413, "body-too-large")

    @pytest.mark.parametrize("environ", [CHUNKED, {"CONTENT_LENGTH": str(3 << 20)}], ids=["chunked", "announced"])
    def test_drains_a_rejected_body(self, site: Site, environ: dict[str, object]) -> None:
        assert read_of(site, 3 << 20, environ) == 3 << 20

    @pytest.mark.parametrize("environ", [CHUNKED, {"CONTENT_LENGTH": str(40 << 20)}], ids=["chunked", "announced"])
    def test_stops_draining_at_the_limit(self, site: Site, environ: dict[str, object]) -> None:
        assert read_of(site, 40 << 20, environ) < 20 << 20

    def test_leaves_a_body_announced_by_expect_100_unread(self, site: Site) -> None:
        assert read_of(site, 3 << 20, {"CONTENT_LENGTH": str(3 << 20), "HTTP_EXPECT": "100-continue"}) == 0

    @pytest.mark.parametrize(("size", "status"), [(1000, 200), (1 << 20, 200), ((1 << 20) + 1, 413)])
    def test_reads_a_body_without_content_length_up_to_the_limit(self, site: Site, size: int, status: int) -> None:
        sent = io.BytesIO(json.dumps({"url": URL}).ljust(size).encode())
        assert post(site, sent, CHUNKED).status_code == status

    def test_rejects_get(self, site: Site) -> None:
        answer = site.client.get("/persist")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


class TestStored:
    def test_allows_caching_for_ever(self, site: Site) -> None:
        url = path(site.persist(format="jpeg").json["url"])
        answer = site.client.get(url, headers={"Origin": "https://a.org"})
        assert (answer.content_type, answer.headers["Cache-Control"]) == ("image/jpeg", FOREVER)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith('inline; filename="')

    def test_etag_is_the_digest_of_the_content(self, site: Site) -> None:
        url = path(site.persist().json["url"])
        etag = site.client.get(url).headers["ETag"]
        assert etag == site.thumb().headers["ETag"]
        again = site.client.get(url, headers={"If-None-Match": etag})
        assert (again.status_code, again.data, again.headers["Cache-Control"]) == (304, b"", FOREVER)

    def test_answers_head(self, site: Site) -> None:
        url = path(site.persist().json["url"])
        assert site.client.head(url).headers["Content-Length"] == str(len(site.client.get(url).data))

    @pytest.mark.parametrize(
        "key",
        ["thumbs/nothing.png", "thumbs/" + "0" * 64 + "-" + "0" * 64 + ".png", "../secret", "..%2f..%2fetc/passwd"],
    )
    def test_returns_404_for_an_unknown_key(self, site: Site, key: str) -> None:
        answer = site.client.get(f"/stored/{key}")
        assert (answer.status_code, answer.json["error"]) == (404, "not-found")
