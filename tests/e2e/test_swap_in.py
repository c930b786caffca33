"""The Flask setup of docs/migrating/recipe.md (Redis, S3, gunicorn) works with Tintype unchanged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.node import GUNICORN, Node
from harness.servers import RedisServer, S3Server
from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode
from tests.support.paths import ROOT
from tintype.storage.s3 import S3Storage

pytestmark = pytest.mark.browser

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture
def recipe(start_node: StartNode, redis_server: RedisServer, s3_server: S3Server) -> Node:
    env = {"REDIS_URL": redis_server.url, "S3_BUCKET": "thumbs", "S3_REGION": "us-east-1", "TINTYPE_LIMIT_EXEMPT": ""}
    s3_server.create_bucket("thumbs")
    credentials = {name.upper(): value for name, value in CREDENTIALS.items()}
    return start_node(command=GUNICORN, env={**env, **credentials, "S3_ENDPOINT_URL": s3_server.url})


def test_recipe_environment_gives_miss_hit_and_persistent_urls(
    recipe: Node, s3_server: S3Server, site: SiteServer
) -> None:
    url = site.url("/plain.html")
    first, second = recipe.thumb(url), recipe.thumb(url)
    assert [first.headers["X-Cache"], second.headers["X-Cache"]] == ["MISS", "HIT"]
    assert first.headers["Cache-Control"] == "public, max-age=86400, stale-while-revalidate=604800"
    assert first.content == second.content

    stored, again = recipe.persist(url), recipe.persist(url)
    assert [stored.json()["cached"], again.json()["cached"]] == [False, True]
    assert stored.json()["url"] == again.json()["url"]
    bucket = S3Storage("thumbs", "us-east-1", s3_server.url, credentials=CREDENTIALS)
    kept = bucket.get(stored.json()["key"])
    assert kept is not None
    assert kept.body == first.content
    assert stored.json()["url"] == f"{s3_server.url}/thumbs/{kept.key}"


def test_thumbnails_survive_a_restart(recipe: Node, site: SiteServer) -> None:
    url = site.url("/plain.html")
    before, stored = recipe.thumb(url), recipe.persist(url).json()
    recipe.stop()
    recipe.start()
    assert recipe.thumb(url).headers["X-Cache"] == "HIT"
    assert recipe.thumb(url).content == before.content
    assert recipe.persist(url).json() == {**stored, "cached": True}


@pytest.mark.parametrize("shared", ["sqlite", "redis"])
def test_every_worker_rejects_the_31st_request(
    shared: str, start_node: StartNode, redis_server: RedisServer, site: SiteServer
) -> None:
    # an hour, not the default minute: windows follow the clock, and the test may run into the next minute
    env = {
        "TINTYPE_LIMIT_EXEMPT": "",
        "TINTYPE_THUMB_LIMIT": "30 per hour",
        **({"REDIS_URL": redis_server.url} if shared == "redis" else {}),
    }
    node = start_node(command=GUNICORN, env=env)
    url = site.url("/plain.html")
    # gunicorn's sync workers close each connection, so requests spread over the four of them
    answers = [node.thumb(url) for _ in range(36)]
    assert [a.status_code for a in answers] == [200] * 30 + [429] * 6
    assert all(1 <= int(a.headers["Retry-After"]) <= 3600 for a in answers[30:])
    assert answers[-1].json()["error"] == "rate-limited"


def test_reads_an_env_file_from_the_working_directory(start_node: StartNode, site: SiteServer, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TINTYPE_THUMB_LIMIT=1 per hour\n")
    node = start_node(env={"TINTYPE_LIMIT_EXEMPT": ""})
    url = site.url("/plain.html")
    assert [node.thumb(url).status_code for _ in range(2)] == [200, 429]


def test_the_module_in_the_guide_runs_under_gunicorn_as_app_app(
    start_node: StartNode, site: SiteServer, tmp_path: Path
) -> None:
    guide = (ROOT / "docs" / "migrating" / "recipe.md").read_text()
    printed = re.search(r"<!-- app -->\s*```python\n(.*?)```", guide, re.DOTALL)
    assert printed
    (tmp_path / "app.py").write_text(printed[1])
    node = start_node(command=(*GUNICORN[:-1], "app:app"))
    assert node.thumb(site.url("/plain.html")).headers["X-Cache"] == "MISS"
