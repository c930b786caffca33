"""How the settings of jobs become components: who captures, and where the broker is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tintype import job_components
from tintype.backends import node_name
from tintype.errors import ConfigurationError
from tintype.settings import Settings

REDIS = {"REDIS_URL": "redis://127.0.0.1:9/0"}


def load(**environ: str) -> Settings:
    return Settings.load(environ, env_file=None)


class TestCheckJobs:
    @pytest.mark.parametrize(
        "environ",
        [{"TINTYPE_JOB_WORKERS": "0"}, {"TINTYPE_BROKER_URL": "amqp://127.0.0.1"}],
        ids=str,
    )
    def test_job_workers_require_redis(self, environ: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match="REDIS_URL"):
            job_components.check_jobs(load(**environ))
        job_components.check_jobs(load(**environ, **REDIS))
        job_components.check_jobs(load(**environ, TINTYPE_JOBS="0"))

    def test_one_machine_requires_nothing(self) -> None:
        job_components.check_jobs(load())


class TestCaptures:
    @pytest.mark.parametrize(
        ("workers", "captures"), [("auto", 4), ("0", 0), ("3", 3)], ids=["share of the slots", "none", "a number"]
    )
    def test_serving_node_captures_as_many_pages_as_set(self, workers: str, captures: int) -> None:
        settings = load(TINTYPE_SLOTS="8", TINTYPE_JOB_SHARE="0.5", TINTYPE_JOB_WORKERS=workers)
        assert job_components._captures(settings) == captures

    @pytest.mark.parametrize("wrong", ["-1", "257", "many"])
    def test_other_values_are_errors(self, wrong: str) -> None:
        with pytest.raises(ConfigurationError, match="TINTYPE_JOB_WORKERS"):
            load(TINTYPE_JOB_WORKERS=wrong)


class TestBroker:
    @pytest.mark.parametrize("url", ["http://user:hush@host", "amqp://", "amqp://user:hush@host:port/"])
    def test_error_for_an_invalid_url_does_not_repeat_it(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="TINTYPE_BROKER_URL") as raised:
            load(TINTYPE_BROKER_URL=url)
        assert "hush" not in str(raised.value)

    @pytest.mark.parametrize(
        ("url", "text"),
        [
            ("", "Redis at 127.0.0.1:9"),
            ("redis://:hush@10.0.0.7/1", "Redis at 10.0.0.7:6379"),
            ("amqp://user:hush@10.0.0.6/", "RabbitMQ at 10.0.0.6:5672"),
            ("amqps://user:hush@10.0.0.6/", "RabbitMQ at 10.0.0.6:5671"),
        ],
    )
    def test_description_contains_no_password(self, url: str, text: str) -> None:
        assert job_components.describe_broker(load(TINTYPE_BROKER_URL=url, **REDIS)) == text


def test_nodes_have_different_names(tmp_path: Path) -> None:
    one, two = (node_name(load(TINTYPE_DATA_DIR=str(tmp_path / name))) for name in ("one", "two"))
    assert one != two
    assert " " not in one
