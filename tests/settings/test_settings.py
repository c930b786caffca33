"""Tests of the settings: defaults, notation, errors, secrets, sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.long_texts import slow_texts
from tintype.cores import available_cores
from tintype.errors import ConfigurationError
from tintype.settings import LISTS, NAMES, Settings

SECRET = "sk_live_secret-value"
DISTINCT_TYPES = {
    f"{field.annotation} {field.metadata}": name
    for name, field in ((name, Settings.model_fields[field]) for name, field in NAMES.items())
}.values()
"""One setting of each type."""
Source = tuple[str | None, str | None]
"""A secret in its variable, and one in the file that its ``_FILE`` variable names; None: the variable is not set."""


def load(env_file: Path | None = None, **environ: str) -> Settings:
    return Settings.load(environ, env_file)


def problems(env_file: Path | None = None, **environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as failure:
        load(env_file, **environ)
    return str(failure.value).splitlines()


@pytest.fixture
def env(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / ".env"
        path.write_text(text)
        return path

    return write


class TestDefaults:
    def test_matches_the_documented_defaults(self) -> None:
        settings = load()
        assert (settings.host, settings.port) == ("127.0.0.1", 8000)
        assert (settings.cache_ttl, settings.stale_for) == (86_400, 604_800)
        assert (settings.thumb_limit, settings.persist_limit, settings.hit_limit) == (
            "30 per minute",
            "5 per minute",
            "off",
        )
        assert (settings.meta_limit, settings.stored_limit) == ("off", "600 per minute")
        assert settings.snapsharp_base_url == "https://api.snapsharp.dev"
        assert (settings.redis_url, settings.s3_bucket) == ("", "")

    def test_selects_the_hosted_engine_when_its_key_is_set(self) -> None:
        assert load().engines == ("chromium",)
        assert load(SNAPSHARP_API_KEY=SECRET).engines == ("snapsharp",)
        assert load(SNAPSHARP_API_KEY=SECRET, TINTYPE_ENGINE="chromium, snapsharp,").engines == (
            "chromium",
            "snapsharp",
        )

    def test_repeats_blank_pages_by_local_engines_only(self) -> None:
        assert [load().retry_blank, load(TINTYPE_RETRY_BLANK="Never").retry_blank] == ["local", "never"]

    def test_derives_slots_and_queue_from_the_cores(self) -> None:
        cores = available_cores()
        assert load().slot_count == cores + 1
        assert load().queue_length == 4 * (cores + 1)
        assert load(TINTYPE_SLOTS="3").queue_length == 12
        assert load(TINTYPE_SLOTS="3", TINTYPE_QUEUE="5").queue_length == 5

    @pytest.mark.parametrize(("workers", "slots"), [(0, 1), (1, 8), (3, 2), (8, 1), (16, 1)])
    def test_divides_the_cores_between_the_workers_that_draw(
        self, workers: int, slots: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tintype.settings.available_cores", lambda: 8)
        assert load(TINTYPE_WORKERS=str(workers)).rendering_slots == slots

    def test_describes_every_setting(self) -> None:
        for name, field in Settings.model_fields.items():
            assert field.description, name
            assert isinstance(field.json_schema_extra, dict), name
            assert field.json_schema_extra["accepts"], name

    def test_treats_an_empty_variable_as_unset(self) -> None:
        assert load(PORT="", TINTYPE_CACHE_TTL="  ", TINTYPE_ENGINE="").port == 8000

    @pytest.mark.parametrize("text", ["", "  ", ",", " , "])
    def test_empty_variable_of_a_list_is_an_empty_list(self, env: Callable[[str], Path], text: str) -> None:
        assert len(load().tracking_parameters) > 9
        assert load(TINTYPE_TRACKING_PARAMETERS=text).tracking_parameters == ()
        assert load(env(f"TINTYPE_TRACKING_PARAMETERS='{text}'\n")).tracking_parameters == ()
        for name in LISTS:
            assert getattr(load(env(f"{name}=10.0.0.1\n"), **{name: text}), NAMES[name]) == ()


class TestNotation:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("30", 30),
            ("30s", 30),
            ("500ms", 0.5),
            ("10m", 600),
            ("1.5h", 5400),
            ("1d", 86_400),
            ("2 D", 172_800),
            ("0", 0),
        ],
    )
    def test_parses_durations(self, text: str, seconds: float) -> None:
        assert load(TINTYPE_CACHE_TTL=text).cache_ttl == seconds

    @pytest.mark.parametrize(
        ("name", "accepts"),
        [
            ("TINTYPE_TIMEOUT", "a duration from 1s to 10m"),
            ("TINTYPE_RECYCLE_AGE", "a duration from 1s to 7d"),
            ("TINTYPE_RECYCLE_AFTER", "a number from 1"),
            ("TINTYPE_DAEMON_IDLE_TIMEOUT", "a duration from 1s to 7d"),
            ("TINTYPE_THREADS", "a number from 1 to 512"),
            ("TINTYPE_MAX_PAGE_HEIGHT", "pixels from 1000 to 50000"),
            ("TINTYPE_CACHE_SIZE", "a size such as 512m, 2g, above 0"),
        ],
    )
    def test_rejects_a_zero_that_means_nothing(self, name: str, accepts: str) -> None:
        assert problems(None, **{name: "0"}) == [f"{name}: invalid value '0'; expected {accepts}"]

    @pytest.mark.parametrize("name", ["TINTYPE_CACHE_TTL", "TINTYPE_TIMEOUT", "TINTYPE_DAEMON_IDLE_TIMEOUT"])
    def test_rejects_durations_that_no_timer_can_wait(self, name: str) -> None:
        assert problems(None, **{name: "99999d"})[0].startswith(f"{name}: invalid value '99999d'; expected a duration ")

    @pytest.mark.parametrize("name", ["PORT", "HOST", *DISTINCT_TYPES])
    def test_reads_long_text_in_linear_time(self, name: str) -> None:
        assert slow_texts(lambda text: load(None, **{name: text})) == []

    @pytest.mark.parametrize(
        ("text", "size"),
        [("512", 512), ("1k", 1024), ("512m", 512 << 20), ("2g", 2 << 30), ("2GB", 2 << 30), ("0.5 g", 512 << 20)],
    )
    def test_parses_sizes(self, text: str, size: int) -> None:
        assert load(TINTYPE_CACHE_SIZE=text).cache_size == size

    @pytest.mark.parametrize("text", ["-1s", "1w", "one day", "1d2h", "s", "1e3", "inf", "nan", "9" * 400, "1m1"])
    def test_rejects_other_text_as_a_duration(self, text: str) -> None:
        (problem,) = problems(TINTYPE_CACHE_TTL=text)
        assert problem.startswith("TINTYPE_CACHE_TTL: invalid value ")
        assert problem.endswith("; expected a duration such as 30s, 10m, 1d")
        assert len(problem) < 160

    @pytest.mark.parametrize("text", ["-1", "1x", "big", "1gg", "1kbb", "9" * 400 + "g"])
    def test_rejects_other_text_as_a_size(self, text: str) -> None:
        (problem,) = problems(TINTYPE_CACHE_SIZE=text)
        assert problem.startswith("TINTYPE_CACHE_SIZE: invalid value ")
        assert problem.endswith("; expected a size such as 512m, 2g")

    def test_parses_bounds_of_stored_objects(self) -> None:
        default = load()
        assert (default.stored_quota, default.stored_objects, default.stored_retention) == (10 << 30, 1_000_000, 0)
        chosen = load(TINTYPE_STORED_QUOTA="5m", TINTYPE_STORED_OBJECTS="7", TINTYPE_STORED_RETENTION="90d")
        assert (chosen.stored_quota, chosen.stored_objects, chosen.stored_retention) == (5 << 20, 7, 90 * 86_400)
        none = load(
            TINTYPE_STORED_QUOTA="Unlimited", TINTYPE_STORED_OBJECTS="unlimited", TINTYPE_STORED_RETENTION="OFF"
        )
        assert (none.stored_quota, none.stored_objects, none.stored_retention) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("TINTYPE_STORED_QUOTA", ["0", "off", "-1", "many", "nan"]),
            ("TINTYPE_STORED_OBJECTS", ["0", "off", "-1", "1.5", "10g"]),
            ("TINTYPE_STORED_RETENTION", ["0", "unlimited", "59s", "-1d", "inf"]),
        ],
    )
    def test_rejects_bounds_with_two_meanings(self, name: str, values: list[str]) -> None:
        for value in values:
            assert problems(None, **{name: value})[0].startswith(f"{name}: invalid value {value!r}; expected a")

    def test_splits_lists_at_commas(self) -> None:
        assert load(TINTYPE_ALLOW_HOSTS=" a.example , *.b.example,").allow_hosts == ("a.example", "*.b.example")
        assert load().allow_hosts == ()

    def test_checks_networks(self) -> None:
        assert load(TINTYPE_TRUSTED_PROXIES="10.0.0.0/8, ::1").trusted_proxies == ("10.0.0.0/8", "::1")
        assert problems(TINTYPE_TRUSTED_PROXIES="10.0.0.0/8,nginx") == [
            "TINTYPE_TRUSTED_PROXIES: invalid value '10.0.0.0/8,nginx'; expected IP networks, comma-separated"
        ]

    @pytest.mark.parametrize(
        ("text", "rate"),
        [
            ("60/minute", "60/minute"),
            (" 5 per 10 seconds ", "5 per 10 seconds"),
            ("Unlimited", "unlimited"),
            ("CLOSED", "closed"),
        ],
    )
    def test_parses_rates_and_words(self, text: str, rate: str) -> None:
        assert load(TINTYPE_THUMB_LIMIT=text).thumb_limit == rate
        assert load(TINTYPE_HIT_LIMIT=text).hit_limit == rate

    @pytest.mark.parametrize("name", ["HIT", "META", "PERSIST", "STORED"])
    def test_accepts_off_where_another_limit_can_apply(self, name: str) -> None:
        assert getattr(load(None, **{f"TINTYPE_{name}_LIMIT": "off"}), f"{name.lower()}_limit") == "off"
        assert problems(TINTYPE_THUMB_LIMIT="off") == [
            "TINTYPE_THUMB_LIMIT: invalid value 'off'; expected a rate such as 30 per minute, unlimited or closed"
        ]

    @pytest.mark.parametrize(
        "text",
        ["many", "0 per minute", "30", "30 per fortnight", "none", "no", "0", "disabled", "5 per 0 minutes", "9" * 12],
    )
    def test_rejects_other_text_as_a_rate(self, text: str) -> None:
        (problem,) = problems(TINTYPE_PERSIST_LIMIT=text)
        accepted = "a rate such as 30 per minute, unlimited, closed, or off (the limit of /thumb applies)"
        assert problem == f"TINTYPE_PERSIST_LIMIT: invalid value {text!r}; expected {accepted}"

    @pytest.mark.parametrize(("text", "on"), [("1", True), ("true", True), ("Yes", True), ("0", False), ("off", False)])
    def test_parses_switches(self, text: str, on: bool) -> None:
        assert load(ALLOW_NO_SANDBOX=text).allow_no_sandbox is on

    def test_accepts_words_in_any_case(self) -> None:
        assert load(TINTYPE_LOG_LEVEL="INFO", TINTYPE_LOG_FORMAT="JSON").log_level == "info"

    @given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    def test_parses_or_rejects_any_text(self, text: str) -> None:
        for name in ("PORT", "TINTYPE_CACHE_TTL", "TINTYPE_CACHE_SIZE", "TINTYPE_TRUSTED_PROXIES", "TINTYPE_HIT_LIMIT"):
            try:
                load(None, **{name: text})
            except ConfigurationError as error:
                assert str(error).startswith(f"{name}: invalid value ")  # noqa: PT017 - both ways are right


class TestErrors:
    def test_reports_every_invalid_setting_together(self, env: Callable[[str], Path]) -> None:
        reported = problems(
            env("TINTYPE_CACHE_TTL=soon\nTINTYPE_COLOUR=red\n"),
            PORT="99999",
            TINTYPE_WORKER="4",
            SNAPSHARP_API_KEY_FILE="/nowhere/at/all",
        )
        assert sorted(line.partition(":")[0] for line in reported) == [
            "PORT",
            "SNAPSHARP_API_KEY_FILE",
            "TINTYPE_CACHE_TTL",
            "TINTYPE_COLOUR",
            "TINTYPE_WORKER",
        ]

    def test_names_the_variable_its_value_and_what_is_expected(self) -> None:
        assert problems(PORT="http") == ["PORT: invalid value 'http'; expected a port from 0 to 65535"]
        assert problems(TINTYPE_LOG_LEVEL="loud") == [
            "TINTYPE_LOG_LEVEL: invalid value 'loud'; expected debug, info, warning or error"
        ]
        assert problems(TINTYPE_WORKERS="65") == ["TINTYPE_WORKERS: invalid value '65'; expected a number from 0 to 64"]

    def test_reports_unknown_names_with_the_prefix_only(self) -> None:
        assert problems(TINTYPE_CACHE_TLL="1d", HOSTNAME="box", S3_BUCKETS="x") == [
            "TINTYPE_CACHE_TLL: unknown setting; did you mean TINTYPE_CACHE_TTL?"
        ]

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("TINTYPE_THUM_LIMIT", "did you mean TINTYPE_THUMB_LIMIT?"),
            ("TINTYPE_PORT", "did you mean PORT?"),
            ("TINTYPE_S3_BUCKET", "did you mean S3_BUCKET?"),
            ("TINTYPE_REDIS_URL", "did you mean REDIS_URL?"),
            ("TINTYPE_ZZ", "docs/configuration.md lists all settings"),
        ],
    )
    def test_suggests_the_setting_that_was_probably_meant(self, name: str, hint: str) -> None:
        environ: dict[str, Any] = {name: "1"}
        assert problems(**environ) == [f"{name}: unknown setting; {hint}"]

    def test_reads_only_secrets_from_files(self, tmp_path: Path) -> None:
        path = tmp_path / "ttl"
        path.write_text("1d")
        assert problems(TINTYPE_CACHE_TTL_FILE=str(path)) == [
            "TINTYPE_CACHE_TTL_FILE: unknown setting; did you mean TINTYPE_CACHE_TTL?"
        ]


class TestSecrets:
    def test_marks_every_secret(self) -> None:
        assert Settings.is_secret("redis_url"), "the URL may contain a password"
        suffixes = ("key", "secret", "token", "password")
        named = {name for name in Settings.model_fields if name.endswith(suffixes) and not Settings.is_secret(name)}
        assert named == {"engine_tls_key"}, "only engine_tls_key is not a secret: it is the path of a key"
        assert not Settings.is_secret("port")

    @pytest.mark.parametrize("name", ["TINTYPE_API_KEYS", "TINTYPE_ADMIN_KEYS"])
    def test_reads_named_keys_and_shows_none_of_them(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / "keys"
        path.write_text(f"anna:{SECRET},ben:sha256-{'0a' * 32}\n")
        field = {"TINTYPE_API_KEYS": "api_keys", "TINTYPE_ADMIN_KEYS": "admin_keys"}[name]
        assert Settings.is_secret(field)
        assert getattr(load(None, **{f"{name}_FILE": str(path)}), field) == (
            f"anna:{SECRET}",
            f"ben:sha256-{'0a' * 32}",
        )
        for text in ("short:hush", f"a:{SECRET},a:{SECRET}", SECRET, "a:sha256-0a0a0a0a0a0a", f"a b:{SECRET}"):
            reported = problems(None, **{name: text})
            assert [line.partition(":")[0] for line in reported] == [name]
            assert text not in reported[0]

    def test_reads_api_keys_with_options_from_the_lines_of_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "keys"
        entries = (
            f"shop:{SECRET}:600 per minute:persist=closed:quota=10:hosts=shop.example *.shop.example",
            f"blog:{SECRET}:unlimited",
        )
        path.write_text("# clients\n" + "\n".join(entries) + "\n  # the end\n")
        assert load(TINTYPE_API_KEYS_FILE=str(path)).api_keys == entries

    @pytest.mark.parametrize("options", ["persist=no", "quota=many", "hosts=", "colour=red", "many", "off:unlimited"])
    def test_rejects_other_options_of_api_keys(self, options: str) -> None:
        (problem,) = problems(TINTYPE_API_KEYS=f"shop:{SECRET}:{options}")
        assert problem.startswith("TINTYPE_API_KEYS: invalid value; expected name:key")
        assert "options thumb=, hit=, meta=, persist=, quota=, hosts=, webhook_secret=, each after a colon" in problem

    def test_accepts_no_rate_with_an_admin_key(self) -> None:
        assert load(TINTYPE_API_KEYS=f"anna:{SECRET}:5 per minute").api_keys
        assert "expected name:key, comma" in problems(TINTYPE_ADMIN_KEYS=f"anna:{SECRET}:5 per minute")[0]

    def test_reads_a_secret_from_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text(f"  {SECRET}\n")
        settings = load(SNAPSHARP_API_KEY_FILE=str(path))
        assert settings.snapsharp_api_key == SECRET
        assert settings.source("SNAPSHARP_API_KEY") == "SNAPSHARP_API_KEY_FILE"
        assert settings.engines == ("snapsharp",)

    def test_prefers_the_variable_over_the_file(self, tmp_path: Path) -> None:
        settings = load(SNAPSHARP_API_KEY=SECRET, SNAPSHARP_API_KEY_FILE=str(tmp_path / "missing"))
        assert settings.snapsharp_api_key == SECRET
        assert settings.source("SNAPSHARP_API_KEY") == "environment"

    def test_reads_the_path_from_the_env_file(self, env: Callable[[str], Path], tmp_path: Path) -> None:
        (tmp_path / "url").write_text("redis://:pw@127.0.0.1:6379/0")
        settings = load(env(f"REDIS_URL=\nREDIS_URL_FILE={tmp_path / 'url'}\n"))
        assert settings.redis_url == "redis://:pw@127.0.0.1:6379/0"
        assert settings.source("REDIS_URL") == "REDIS_URL_FILE"

    @pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
    def test_rejects_a_file_without_a_secret(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "key"
        path.write_bytes(content)
        assert problems(SNAPSHARP_API_KEY_FILE=str(path)) == [
            f"SNAPSHARP_API_KEY_FILE: {path} is empty or not UTF-8 text; write the secret into it"
        ]

    def test_rejects_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        assert problems(SNAPSHARP_API_KEY_FILE=str(tmp_path)) == [
            f"SNAPSHARP_API_KEY_FILE: {tmp_path} cannot be read (Is a directory); check the path and its permissions"
        ]

    @pytest.mark.parametrize(
        "key", ["schlüssel-des-ladens", "a-key-of-the-shop-\u200b", "a key of the shop", "k" * 201, "k" * 15]
    )
    def test_rejects_keys_that_no_header_can_carry(self, key: str) -> None:
        for name in ("TINTYPE_API_KEYS", "TINTYPE_ADMIN_KEYS"):
            (problem,) = problems(None, **{name: f"shop:{key}"})
            assert problem.startswith(f"{name}: invalid value; expected name:key")
            assert "keys of at least 16 ASCII characters" in problem

    @pytest.mark.parametrize("name", ["TINTYPE_METRICS_TOKEN", "SNAPSHARP_API_KEY"])
    def test_rejects_tokens_that_no_header_can_carry(self, name: str) -> None:
        assert problems(None, **{name: "schlüssel"}) == [f"{name}: invalid value; expected printable ASCII text"]

    def test_omits_secrets_from_error_messages(self) -> None:
        reported = problems(SNAPSHARP_API_KEY=SECRET, REDIS_URL=f"redis://:{SECRET}@x", PORT="x")
        assert SECRET not in "\n".join(reported)


class TestSources:
    def test_prefers_the_environment_over_the_env_file(self, env: Callable[[str], Path]) -> None:
        path = env('PORT=9000\nHOST="0.0.0.0"  # everywhere\nexport S3_BUCKET=mine\n')
        settings = load(path, PORT="9001")
        assert (settings.port, settings.host, settings.s3_bucket) == (9001, "0.0.0.0", "mine")
        assert settings.source("PORT") == "environment"
        assert settings.source("HOST") == str(path)
        assert settings.source("S3_REGION") == "default"

    @pytest.mark.parametrize(
        ("environment", "dotenv", "chosen"),
        [
            (("a", "b"), ("c", "d"), "a"), (("a", None), (None, "d"), "a"), (("a", "b"), (None, None), "a"),
            ((None, "b"), ("c", "d"), "b"), ((None, "b"), ("c", None), "b"), (("", "b"), ("c", "d"), "b"),
            ((None, None), ("c", "d"), "c"), ((None, ""), ("c", "d"), "c"), ((None, None), ("", "d"), "d"),
            ((None, None), (None, "d"), "d"), (("", None), ("c", None), ""), (("", ""), ("c", "d"), ""),
            ((None, None), (None, None), ""),
        ],
    )  # fmt: skip
    def test_secret_comes_from_the_first_source_that_has_one(
        self, env: Callable[[str], Path], environment: Source, dotenv: Source, chosen: str
    ) -> None:
        def variables(secret: str | None, in_file: str | None) -> dict[str, str]:
            path = env("").parent / in_file if in_file else in_file
            if isinstance(path, Path):
                path.write_text(str(in_file))
            pairs = {"AWS_SECRET_ACCESS_KEY": secret, "AWS_SECRET_ACCESS_KEY_FILE": path}
            return {name: str(text) for name, text in pairs.items() if text is not None}

        lines = "".join(f"{name}={text}\n" for name, text in variables(*dotenv).items())
        given = variables(*environment)
        assert load(env(lines), **given).aws_secret_access_key == chosen

    @pytest.mark.parametrize("text", ["${HOME}", "a${PORT:-x}b", "$HOME", "$$", "a\\nb"])
    def test_secrets_of_the_env_file_are_literal(self, env: Callable[[str], Path], text: str) -> None:
        assert load(env(f"PORT=9000\nAWS_SECRET_ACCESS_KEY={text}\n")).aws_secret_access_key == text

    def test_rejects_references_in_other_settings_of_the_env_file(self, env: Callable[[str], Path]) -> None:
        path = env("TINTYPE_DATA_DIR=${HOME}/data\nHOST=${A:-b}\nOTHER=${HOME}\n")
        assert problems(path) == [
            f"TINTYPE_DATA_DIR: ${{HOME}} is not replaced in {path}; write its value",
            f"HOST: ${{A:-b}} is not replaced in {path}; write its value",
        ]
        assert load(TINTYPE_DATA_DIR="${HOME}").data_dir == Path("${HOME}")

    def test_reads_the_environment_when_the_env_file_is_missing(self, tmp_path: Path) -> None:
        assert load(tmp_path / "no.env", PORT="9001").port == 9001

    def test_rejects_an_env_file_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_bytes(b"HOST=\xff\xfe\n")
        assert problems(path) == [f"{path}: not UTF-8 text; save it as UTF-8"]

    def test_reads_the_environment_of_the_process_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "9002")
        assert Settings.load(env_file=None).port == 9002

    def test_freezes_the_settings(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            load().port = 1


class TestWaitingLimit:
    @pytest.mark.parametrize(("threads", "limit"), [("128", 96), ("16", 12), ("4", 3), ("3", 2), ("2", 1)])
    def test_leaves_a_quarter_of_the_threads_to_hits(self, threads: str, limit: int) -> None:
        assert load(TINTYPE_THREADS=threads).waiting_limit == limit

    def test_gives_a_worker_two_threads_at_least(self) -> None:
        assert (load(TINTYPE_THREADS="1").thread_count, load(TINTYPE_THREADS="8").thread_count) == (2, 8)

    @pytest.mark.parametrize("threads", ["1", "2", "3", "8", "512"])
    def test_keeps_one_thread_that_never_waits(self, threads: str) -> None:
        settings = load(TINTYPE_THREADS=threads, TINTYPE_MAX_WAITING="511")
        assert settings.waiting_limit == settings.thread_count - 1

    def test_can_be_set_as_long_as_one_thread_remains(self) -> None:
        assert load(TINTYPE_MAX_WAITING="5").waiting_limit == 5
        assert load(TINTYPE_MAX_WAITING="500", TINTYPE_THREADS="8").waiting_limit == 7
