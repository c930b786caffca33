"""nginx with the shipped configuration in front of a node: cached and forwarded requests, keys, limits, log."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

import httpx
import pytest

from harness.nginx import NginxServer
from harness.node import Node
from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode
from tests.support.concurrency import eventually
from tintype.signing import UrlSigner

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed (Debian: nginx)"),
]


BEHIND_NGINX = {"TINTYPE_TRUSTED_PROXIES": "127.0.0.1"}
FIVE_A_DAY = {**BEHIND_NGINX, "TINTYPE_LIMIT_EXEMPT": "", "TINTYPE_THUMB_LIMIT": "5 per day"}


@pytest.fixture(scope="module")
def node(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {**BEHIND_NGINX, "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}"}
    with Node(data=tmp_path_factory.mktemp("node") / "data", env=env) as running:
        yield running


@pytest.fixture(scope="module")
def edge(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxServer]:
    with NginxServer(tmp_path_factory.mktemp("nginx") / "edge", node.port) as running:
        yield running


@pytest.fixture
def limited(start_node: StartNode, tmp_path: Path) -> Iterator[tuple[NginxServer, Node]]:
    node = start_node(env=FIVE_A_DAY)
    with NginxServer(tmp_path / "edge", node.port) as running:
        yield running, node


@pytest.fixture
def page(site: SiteServer, request: pytest.FixtureRequest) -> str:
    """A page that only this test requests."""
    return quote(site.url(f"/plain.html?{request.node.name}"), safe="")


def thumb(page: str, more: str = "") -> str:
    return f"/thumb?url={page}&thumb_width=320{more}"


class ForwardedRequests:
    """Count of requests that an edge forwards to a node from now on, read from the log of the node."""

    def __init__(self, edge: NginxServer, node: Node) -> None:
        self._node = node
        self._request_id = edge.request_id = uuid.uuid4().hex

    def reaches(self, times: int) -> bool:
        return eventually(lambda: self.count() == times)

    def count(self) -> int:
        """Number of forwarded requests in the log so far."""
        return self._node.output().count(self._request_id)


class TestHits:
    def test_serves_hits_without_the_service(self, edge: NginxServer, node: Node, page: str) -> None:
        forwarded = ForwardedRequests(edge, node)
        first = edge.get(thumb(page))
        again = [edge.get(thumb(page)) for _ in range(20)]
        assert (first.status_code, first.headers["x-cache"]) == (200, "MISS")
        assert {(a.status_code, a.headers["x-cache"], a.content) for a in again} == {(200, "HIT", first.content)}
        assert forwarded.reaches(1)

    def test_share_one_entry_for_equivalent_urls(self, edge: NginxServer, page: str) -> None:
        first = edge.get(f"/%74humb?url={page}&width=800&format=webp")
        again = edge.get(f"/thumb?url={page}&width=800&format=webp")
        turned = edge.get(f"/thumb?format=webp&width=800&url={page}")
        assert (again.content, again.headers["x-cache"]) == (first.content, "HIT")
        assert (turned.content, turned.headers["x-cache"]) == (first.content, "HIT"), "captured twice"

    def test_keep_the_max_age_of_the_service(self, edge: NginxServer, page: str) -> None:
        lives = {edge.get(thumb(page)).headers["cache-control"] for _ in range(2)}
        assert lives == {"public, max-age=86400, stale-while-revalidate=604800"}

    def test_include_entries_revalidated_by_the_service(self, node: Node, page: str, tmp_path: Path) -> None:
        with NginxServer(tmp_path / "edge", node.port, cache_valid="1s") as edge:
            forwarded = ForwardedRequests(edge, node)
            first = edge.get(thumb(page))
            responses = set()

            def confirmed() -> bool:
                answer = edge.get(thumb(page))
                responses.add((answer.headers["x-cache"], answer.headers.get("x-request-id", ""), answer.content))
                return forwarded.count() >= 2

            assert eventually(confirmed)
        assert responses == {("HIT", "", first.content)}

    def test_return_304_for_a_matching_etag(self, edge: NginxServer, page: str) -> None:
        etag = edge.get(thumb(page)).headers["etag"]
        assert edge.get(thumb(page), {"If-None-Match": etag}).status_code == 304

    def test_exclude_request_specific_headers(self, edge: NginxServer, page: str) -> None:
        edge.get(thumb(page))
        headers = set(edge.get(thumb(page)).headers)
        assert headers.isdisjoint({"ratelimit", "ratelimit-policy", "server-timing", "x-request-id"})

    def test_keep_no_entry_for_signatures_that_are_not_checked(self, edge: NginxServer, node: Node, page: str) -> None:
        edge.get(thumb(page))
        forwarded = ForwardedRequests(edge, node)
        answers = [edge.get(thumb(page, "&sig=1")) for _ in range(3)]
        assert {answer.headers["cache-control"].partition(",")[0] for answer in answers} == {"private"}
        assert forwarded.reaches(3)

    def test_vary_by_accept_for_format_auto(self, edge: NginxServer, page: str) -> None:
        accepts = ["image/avif,image/webp,*/*", "image/webp,*/*", "image/png", "text/html,image/avif;q=0.9", "*/*"]
        accepts += ["image/avif;q=0,image/webp", "image/webp; q=0.0, image/png;q=0.5"]
        for _ in range(2):
            answers = [edge.get(thumb(page, "&format=auto"), {"Accept": accept}) for accept in accepts]
            types = [answer.headers["content-type"] for answer in answers]
            assert types == [
                "image/avif",
                "image/webp",
                "image/png",
                "image/avif",
                "image/jpeg",
                "image/webp",
                "image/png",
            ]


class TestMisses:
    def test_coalesce_concurrent_requests(self, edge: NginxServer, node: Node, page: str) -> None:
        forwarded = ForwardedRequests(edge, node)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: edge.get(thumb(page)), range(12)))
        assert {a.status_code for a in answers} == {200}
        assert forwarded.reaches(1)

    def test_count_against_the_rate_limit_of_the_client(self, limited: tuple[NginxServer, Node], page: str) -> None:
        edge, node = limited
        before = ForwardedRequests(edge, node)
        statuses = [edge.get(thumb(f"{page}{n}")).status_code for n in range(6)]
        assert statuses == [200] * 5 + [429]
        assert edge.get(thumb(f"{page}0")).headers["x-cache"] == "HIT"
        assert before.reaches(6)
        forwarded = ForwardedRequests(edge, node)
        assert edge.get(thumb(f"{page}5")).status_code == 429
        assert forwarded.reaches(1), "cached the 429 of one client for another"

    def test_use_a_separate_rate_limit_for_each_client(self, limited: tuple[NginxServer, Node], page: str) -> None:
        edge, _ = limited
        assert [edge.get(thumb(f"{page}{n}")).status_code for n in range(6)] == [200] * 5 + [429]
        with edge.from_address("127.0.0.2"):
            assert edge.get(thumb(f"{page}6")).status_code == 200

    @pytest.mark.parametrize("more", ["&fresh=true", "&ttl=5"])
    def test_bypass_the_cache_for_fresh(self, more: str, edge: NginxServer, node: Node, page: str) -> None:
        forwarded = ForwardedRequests(edge, node)
        answers = [edge.get(thumb(page, more)) for _ in range(2)]
        assert {a.status_code for a in answers} == {200}
        assert forwarded.reaches(2)


class TestApiKeys:
    @pytest.mark.parametrize("key", [{"Authorization": "Bearer some-key"}, {"X-Api-Key": "some-key"}])
    def test_forwards_every_request_with_a_key(
        self, key: dict[str, str], edge: NginxServer, node: Node, page: str
    ) -> None:
        forwarded = ForwardedRequests(edge, node)
        for _ in range(2):
            edge.get(thumb(page), key)
        assert forwarded.reaches(2)

    def test_cache_nothing_for_clients_without_a_key(self, edge: NginxServer, node: Node, page: str) -> None:
        edge.get(thumb(page), {"X-Api-Key": "some-key"})
        forwarded = ForwardedRequests(edge, node)
        edge.get(thumb(page))
        assert forwarded.reaches(1), "cached a response to an API key"


class TestUnknownArguments:
    @pytest.mark.parametrize(
        "more", ["&sig=wrong&expires=1", "&witdh=9", "&format=png&format=webp", "&URL=x", "&width=", "&"]
    )
    def test_responds_like_the_service_to_unknown_arguments(
        self, more: str, edge: NginxServer, node: Node, page: str
    ) -> None:
        edge.get(thumb(page))
        through, direct = edge.get(thumb(page, more)), node.client.get(thumb(page, more))
        assert through.status_code == direct.status_code
        if direct.status_code == 400:
            assert {**through.json(), "instance": ""} == {**direct.json(), "instance": ""}

    def test_does_not_cache_requests_with_unknown_arguments(self, edge: NginxServer, node: Node, page: str) -> None:
        forwarded = ForwardedRequests(edge, node)
        for _ in range(2):
            edge.get(thumb(page, "&invented=1"))
        assert forwarded.reaches(2), "cached a response to unknown arguments"

    def test_valid_request_succeeds_after_a_rejected_one(self, edge: NginxServer, page: str) -> None:
        assert edge.get(thumb(page, "&evil=1")).status_code == 400
        assert edge.get(thumb(page)).status_code == 200


class TestSignedUrls:
    KEYS = ("a key that signs addresses",)

    @pytest.fixture
    def closed(self, start_node: StartNode, tmp_path: Path) -> Iterator[NginxServer]:
        keys = {"TINTYPE_SIGNING_KEYS": self.KEYS[0], "TINTYPE_API_KEYS": "shop:a-key-of-the-shop-1"}
        node = start_node(env={**BEHIND_NGINX, **keys})
        with NginxServer(tmp_path / "edge", node.port) as running:
            yield running

    def signed(self, page: str, **more: str) -> str:
        pairs = [("url", unquote(page)), *more.items()]
        return f"/thumb?{urlencode([*pairs, ('sig', UrlSigner(self.KEYS).sign('/thumb', pairs))])}"

    def test_cached_thumbnails_require_the_same_signature(self, closed: NginxServer, page: str) -> None:
        signed = self.signed(page, thumb_width="320")
        assert [closed.get(signed).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
        assert closed.get(thumb(page)).status_code == 401
        assert closed.get(signed.replace("thumb_width=320", "thumb_width=640")).status_code == 403
        assert closed.get(f"{signed}0").status_code == 403

    def test_does_not_cache_a_response_to_an_api_key(self, closed: NginxServer, page: str) -> None:
        answer = closed.get(thumb(page), {"X-Api-Key": "a-key-of-the-shop-1"})
        assert (answer.status_code, answer.headers["cache-control"][:7]) == (200, "private")
        assert closed.get(thumb(page)).status_code == 401


class TestOtherRoutes:
    def test_reach_the_service(self, edge: NginxServer) -> None:
        assert edge.get("/health").status_code == 200
        assert edge.get("/nowhere").headers["content-type"] == "application/problem+json"

    def test_redirect_http_to_https(self, edge: NginxServer) -> None:
        moved = httpx.get(f"http://127.0.0.1:{edge.http_port}/thumb?url=x", headers={"Host": "a.b"}, trust_env=False)
        assert (moved.status_code, moved.headers["location"]) == (308, "https://a.b/thumb?url=x")

    def test_hide_metrics(self, edge: NginxServer) -> None:
        assert edge.get("/metrics").status_code == 404

    def test_serve_acme_challenges(self, edge: NginxServer) -> None:
        token = edge.folder / "acme" / ".well-known" / "acme-challenge" / "token"
        token.parent.mkdir(parents=True)
        token.write_text("proof")
        url = f"http://127.0.0.1:{edge.http_port}/.well-known/acme-challenge/token"
        assert httpx.get(url, trust_env=False).text == "proof"

    def test_logs_requests_without_query_strings(self, edge: NginxServer, page: str) -> None:
        edge.get(thumb(page))
        assert eventually(lambda: '"GET /thumb" 200' in (edge.folder / "access.log").read_text())
        assert "url=" not in (edge.folder / "access.log").read_text()

    def test_cause_no_nginx_warnings(self, edge: NginxServer) -> None:
        command = ["nginx", "-t", "-p", str(edge.folder), "-c", str(edge.folder / "nginx.conf"), "-e", "stderr"]
        stderr = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        assert "[" not in stderr, stderr

    def test_serve_cached_thumbnails_while_the_service_is_down(
        self, limited: tuple[NginxServer, Node], page: str
    ) -> None:
        edge, node = limited
        before = edge.get(thumb(page))
        node.stop()
        after = edge.get(thumb(page))
        assert (after.status_code, after.content) == (200, before.content)
