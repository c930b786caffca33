"""Request header fields: bounded cost, and ignored beyond the limit."""

from __future__ import annotations

import pytest

from tests.support.long_texts import seconds_of, slow_texts
from tests.web.conftest import URL, Site
from tintype.web.header_fields import MAX_FIELD

FIELDS = (
    "Accept", "Authorization", "Content-Type", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
    "Range", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id",
)  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_costs_linear_time(site: Site, name: str) -> None:
    variable = {"Content-Type": "CONTENT_TYPE"}.get(name, f"HTTP_{name.upper().replace('-', '_')}")

    def send(text: str) -> None:
        raw = text.encode().decode("latin-1").replace("\n", " ")
        site.client.get("/thumb", query_string={"url": URL, "format": "auto"}, environ_overrides={variable: raw})

    site.thumb(format="auto")
    assert slow_texts(send, ends=("", "\x01")) == []


@pytest.mark.parametrize("path", ["/nothing", "/thumb?width=1", "/thumb?url=http://x&on_error=image"])
def test_a_long_accept_is_never_parsed(site: Site, path: str) -> None:
    ranges = ",".join(f"a/b{number};q=0.5" for number in range(30_000))
    header = {"Accept": f"text/html,image/webp,{ranges}"}
    assert seconds_of(lambda: site.client.get(path, headers=header)) < 0.1
    answer = site.client.get(path, headers=header)
    assert answer.status_code in {400, 404}
    assert answer.mimetype in {"application/problem+json", "image/png"}


class TestLongField:
    def test_accept_is_ignored_beyond_the_limit(self, site: Site) -> None:
        padding = "," + "a" * (MAX_FIELD - len("image/avif,"))
        for header, chosen in ((f"image/avif{padding}", "image/avif"), (f"image/avif{padding}a", "image/jpeg")):
            assert site.thumb(format="auto", headers={"Accept": header}).mimetype == chosen

    def test_condition_is_ignored_beyond_the_limit(self, site: Site) -> None:
        etag = site.thumb().headers["ETag"]
        for count, status in ((10, 304), (MAX_FIELD, 200)):
            held = ", ".join(['"another"'] * count + [etag])
            assert site.thumb(headers={"If-None-Match": held}).status_code == status

    def test_body_needs_a_content_type_within_the_limit(self, site: Site) -> None:
        media = "application/json; a=" + "b" * MAX_FIELD
        assert site.client.post("/thumb", data=f'{{"url": "{URL}"}}', content_type=media).status_code == 415
