"""Tests of the composition root: settings to components, and errors in settings."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.servers import RedisServer, S3Server
from tintype import application, backends
from tintype.application import Application
from tintype.engines.chromium import ChromiumEngine
from tintype.engines.fallback import FallbackEngine
from tintype.engines.snapsharp import SnapSharpEngine
from tintype.errors import ConfigurationError, TargetDenied
from tintype.network.egress import Policy
from tintype.settings import Settings
from tintype.state.file_locks import FileLocks
from tintype.state.redis import RedisCache, RedisLocks
from tintype.state.sqlite import SqliteCache
from tintype.storage.disk import DiskStorage
from tintype.storage.s3 import S3Storage
from tintype.web import create_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def settings(folder: Path, **environ: str) -> Settings:
    return Settings.load({"TINTYPE_DATA_DIR": str(folder), **environ}, env_file=None)


@pytest.fixture
def parts(folder: Path) -> Iterator[Application]:
    made = application.build_application(settings(folder))
    yield made
    made.close()


class TestDefaults:
    def test_needs_no_setting_but_a_folder(self, parts: Application) -> None:
        client = create_app(parts).test_client()
        assert client.get("/health").status_code == 200
        assert client.get("/thumb?url=http://localhost/").json["error"] == "target-denied"
        assert parts.serves_stored

    def test_serves_the_playground_unless_it_is_switched_off(self, parts: Application, folder: Path) -> None:
        without = application.build_application(settings(folder, TINTYPE_PLAYGROUND="0", TINTYPE_ALLOW_JS="0"))
        pages = [create_app(each).test_client().get("/").status_code for each in (parts, without)]
        assert pages == [200, 404]
        assert (parts.playground.hidden_options, without.playground.hidden_options) == ((), ("js",))
        without.close()

    def test_creates_folders_for_the_owner_only(self, parts: Application, folder: Path) -> None:
        for name in (".", "cache", "stored", "run", "run/locks"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700, name

    def test_opens_local_backends_by_default(self, folder: Path) -> None:
        chosen = settings(folder)
        state = backends.open_state(chosen)
        assert isinstance(state.records, SqliteCache)
        assert isinstance(state.masters, SqliteCache)
        assert isinstance(state.locks, FileLocks)
        assert isinstance(backends.open_storage(chosen), DiskStorage)
        assert isinstance(backends.open_engine(chosen), ChromiumEngine)

    def test_shares_rate_limits_between_workers(self, folder: Path) -> None:
        answers = []
        for _ in range(2):
            # per day, because a new minute would allow one more
            made = application.build_application(settings(folder, TINTYPE_THUMB_LIMIT="30 per day"))
            client = create_app(made).test_client()
            answers += [client.get("/thumb").status_code for _ in range(16)]
            made.close()
        assert answers == [400] * 30 + [429] * 2

    def test_applies_the_documented_rate_limits(self, parts: Application) -> None:
        client = create_app(parts).test_client()
        policies = [
            client.get("/thumb").headers["RateLimit-Policy"],
            client.post("/persist").headers["RateLimit-Policy"],
        ]
        assert policies == ['"thumb";q=30;w=60', '"persist";q=5;w=60']

    def test_close_is_idempotent(self, folder: Path) -> None:
        made = application.build_application(settings(folder))
        made.close()
        made.close()


class TestSharedBackends:
    def test_opens_cache_locks_and_rate_limits_in_redis(self, folder: Path) -> None:
        with RedisServer() as server:
            state = backends.open_state(settings(folder, REDIS_URL=server.url))
            assert isinstance(state.records, RedisCache)
            assert isinstance(state.locks, RedisLocks)
            state.records.put("key", b"record", 60)
            state.masters.put("key", b"master", 60)
            assert (state.records.get("key"), state.masters.get("key")) == (b"record", b"master")
            made = application.build_application(
                settings(folder, REDIS_URL=server.url, TINTYPE_THUMB_LIMIT="2 per day")
            )
            client = create_app(made).test_client()
            assert [client.get("/thumb").status_code for _ in range(3)] == [400, 400, 429]
            made.close()

    def test_serves_requests_while_redis_is_down(self, folder: Path) -> None:
        with RedisServer() as server:
            url = server.url
        made = application.build_application(settings(folder, REDIS_URL=url))
        answer = create_app(made).test_client().get("/thumb?url=http://localhost/")
        assert (answer.status_code, answer.json["error"]) == (400, "target-denied")
        made.close()

    def test_opens_storage_in_a_bucket(self, folder: Path) -> None:
        with S3Server() as server:
            server.create_bucket("thumbs")
            login = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            where = {"S3_BUCKET": "thumbs", "S3_REGION": "us-east-1", "S3_ENDPOINT_URL": server.url}
            chosen = settings(folder, **where, **login)
            storage = backends.open_storage(chosen)
            assert isinstance(storage, S3Storage)
            storage.check()
            made = application.build_application(chosen)
            assert not made.serves_stored
            assert create_app(made).test_client().get("/stored/x").status_code == 404
            made.close()


class TestOpenEngine:
    @pytest.mark.parametrize(
        ("environ", "kind"),
        [
            ({"TINTYPE_ENGINE": "chromium"}, ChromiumEngine),
            ({"TINTYPE_ENGINE": "unix:///run/tintype.sock"}, ChromiumEngine),
            (
                {
                    "TINTYPE_ENGINE": "tcp://capture:9000",
                    "TINTYPE_ENGINE_SECRET": "0123456789abcdef",
                    "TINTYPE_ALLOW_PLAINTEXT_ENGINE": "1",
                },
                ChromiumEngine,
            ),
            ({"TINTYPE_ENGINE": "snapsharp", "SNAPSHARP_API_KEY": "k"}, SnapSharpEngine),
            ({"SNAPSHARP_API_KEY": "k"}, SnapSharpEngine),
            ({"TINTYPE_ENGINE": "Chromium, snapsharp", "SNAPSHARP_API_KEY": "k"}, FallbackEngine),
        ],
    )
    def test_opens_the_engine_that_the_settings_name(self, folder: Path, environ: dict[str, str], kind: type) -> None:
        engine = backends.open_engine(settings(folder, **environ))
        assert isinstance(engine, kind)
        engine.close()

    @pytest.mark.parametrize("address", ["tcp://capture:9000", "tcp://10.0.0.5:9000", "tcp://127.0.0.1:9000"])
    def test_requires_the_secret_for_a_daemon_on_tcp(self, folder: Path, address: str) -> None:
        with pytest.raises(ConfigurationError, match="TINTYPE_ENGINE_SECRET"):
            backends.open_engine(settings(folder, TINTYPE_ENGINE=address))

    @pytest.mark.parametrize("address", ["tcp://127.0.0.1:9000", "tcp://[::1]:9000", "tcp://localhost:9000"])
    def test_requires_no_tls_on_loopback(self, folder: Path, address: str) -> None:
        secret = "0123456789abcdef"
        backends.open_engine(settings(folder, TINTYPE_ENGINE=address, TINTYPE_ENGINE_SECRET=secret)).close()

    @pytest.mark.parametrize("address", ["tcp://capture", "unix://capture.sock"])
    def test_rejects_a_malformed_address(self, folder: Path, address: str) -> None:
        with pytest.raises(
            ConfigurationError, match="TINTYPE_ENGINE: must be unix:///path/to/socket or tcp://host:port"
        ):
            backends.open_engine(settings(folder, TINTYPE_ENGINE=address, TINTYPE_ENGINE_SECRET="0123456789abcdef"))

    def test_requires_tls_for_a_remote_daemon(self, folder: Path) -> None:
        environ = {"TINTYPE_ENGINE": "tcp://capture:9000", "TINTYPE_ENGINE_SECRET": "0123456789abcdef"}
        with pytest.raises(ConfigurationError, match="TINTYPE_ENGINE_TLS_CA"):
            backends.open_engine(settings(folder, **environ))
        with pytest.raises(ConfigurationError, match=r"cannot load .*missing\.pem"):
            backends.open_engine(settings(folder, TINTYPE_ENGINE_TLS_CA=str(folder / "missing.pem"), **environ))

    def test_passes_no_secrets_to_the_daemon(self, folder: Path) -> None:
        secrets = {"REDIS_URL": "redis://:hunter2@h/0", "SNAPSHARP_API_KEY": "hunter2", "S3_BUCKET": "private"}
        secrets["TINTYPE_ENGINE_SECRET"] = "hunter2, and more of it"
        config = backends.daemon_config(settings(folder, **secrets)).to_json()
        assert "hunter2" not in config
        assert "private" not in config

    def test_passes_capture_settings_to_the_daemon(self, folder: Path) -> None:
        environ = {"TINTYPE_SLOTS": "3", "TINTYPE_TIMEOUT": "7s", "TINTYPE_ALLOW_ADDRESSES": "127.0.0.1:80"}
        config = backends.daemon_config(settings(folder, **environ))
        assert (config.slots, config.queue, config.timeout) == (3, 12, 7.0)
        assert config.allow_addresses == ("127.0.0.1:80",)

    def test_separates_daemons_by_configuration(self, folder: Path) -> None:
        engines = [backends.open_engine(settings(folder, TINTYPE_SLOTS=slots)) for slots in ("1", "2", "2")]
        assert len({engine.address for engine in engines if isinstance(engine, ChromiumEngine)}) == 2

    @pytest.mark.parametrize(
        ("environ", "seconds"), [({}, 26), ({"TINTYPE_TIMEOUT": "60s"}, 65), ({"TINTYPE_TIMEOUT": "10s"}, 26)]
    )
    def test_derives_the_wait_timeout_from_the_time_limit_of_a_capture(
        self, folder: Path, environ: dict[str, str], seconds: float
    ) -> None:
        assert backends.capture_wait_timeout(settings(folder, TINTYPE_SLOTS="2", **environ)) == seconds


class TestErrors:
    @pytest.mark.parametrize(
        ("environ", "message"),
        [
            (
                {"TINTYPE_ENGINE": "firefox"},
                "TINTYPE_ENGINE: unknown value 'firefox'; expected one of chromium, snapsharp, unix://",
            ),
            ({"TINTYPE_ENGINE": "ftp://x"}, "TINTYPE_ENGINE: unknown value 'ftp://'; expected one of chromium"),
            ({"TINTYPE_ENGINE": "snapsharp"}, "SNAPSHARP_API_KEY: required for the hosted engine; set its API key"),
            (
                {"REDIS_URL": "memcached://:hunter2@h"},
                "REDIS_URL: unknown value 'memcached://'; expected one of redis://, rediss://",
            ),
            ({"REDIS_URL": "hunter2:hunter2"}, "REDIS_URL: unknown value; expected one of redis://"),
            (
                {"TINTYPE_ALLOW_ADDRESSES": "127.0.0.1"},
                "TINTYPE_ALLOW_ADDRESSES: '127.0.0.1' must be an address or network with a port",
            ),
        ],
    )
    def test_names_the_variable_and_the_expected_values(
        self, folder: Path, environ: dict[str, str], message: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            application.build_application(settings(folder, **environ))
        assert message in str(caught.value)
        assert "hunter2" not in str(caught.value)

    def test_reports_a_data_folder_that_cannot_be_created(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(
            ConfigurationError, match=r"TINTYPE_DATA_DIR: cannot create .*/file/data .*; set a writable folder"
        ):
            application.build_application(settings(tmp_path / "file" / "data"))


class TestPublicHost:
    def test_denies_captures_of_the_public_host(self) -> None:
        rules = application._target_policy(
            Settings.load({"TINTYPE_PUBLIC_URL": "https://thumbs.example.com/"}, None), Policy()
        )
        with pytest.raises(TargetDenied):
            rules.canonicalize("https://thumbs.example.com/thumb?url=https://thumbs.example.com/")
        assert rules.canonicalize("https://www.example.com/") == "https://www.example.com/"

    def test_allows_captures_of_the_public_host_by_name(self) -> None:
        environ = {"TINTYPE_PUBLIC_URL": "https://www.example.com", "TINTYPE_ALLOW_HOSTS": "www.example.com"}
        rules = application._target_policy(Settings.load(environ, None), Policy())
        assert rules.canonicalize("https://www.example.com/about") == "https://www.example.com/about"

    def test_denies_the_public_host_in_the_capture_daemon_too(self, folder: Path) -> None:
        here = settings(
            folder, TINTYPE_PUBLIC_URL="https://thumbs.example.com/base", TINTYPE_DENY_HOSTS="a.example.com"
        )
        assert backends.daemon_config(here).deny_hosts == ("a.example.com", "thumbs.example.com")
