"""Settings as ``tintype doctor`` prints them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tintype.commands.settings_table import format_setting, settings_table
from tintype.cores import available_cores
from tintype.settings import Settings


def settings(**environ: str) -> Settings:
    return Settings.load(environ, env_file=None)


class TestValue:
    @pytest.mark.parametrize(
        ("name", "environ", "text"),
        [
            ("allow_js", {"TINTYPE_ALLOW_JS": "false"}, "0"),
            ("playground", {}, "1"),
            ("cache_ttl", {"TINTYPE_CACHE_TTL": "5400"}, "90m"),
            ("timeout", {}, "20s"),
            ("recycle_age", {}, "30m"),
            ("cache_size", {}, "1g"),
            ("cache_size", {"TINTYPE_CACHE_SIZE": "1536m"}, "1536m"),
            ("stored_retention", {}, "off"),
            ("stored_quota", {"TINTYPE_STORED_QUOTA": "unlimited"}, "unlimited"),
            ("stored_objects", {}, "1000000"),
            ("allow_addresses", {"TINTYPE_ALLOW_ADDRESSES": "10.0.0.1:80,10.0.0.2:80"}, "10.0.0.1:80,10.0.0.2:80"),
            ("deny_hosts", {}, "not set"),
            ("s3_bucket", {}, "not set"),
        ],
    )
    def test_has_the_form_of_the_documentation(self, name: str, environ: dict[str, str], text: str) -> None:
        assert format_setting(settings(**environ), name) == text

    @pytest.mark.parametrize(
        ("name", "environ", "text"),
        [
            ("slots", {}, f"{available_cores() + 1} (0)"),
            ("slots", {"TINTYPE_SLOTS": "7"}, "7"),
            ("queue", {"TINTYPE_SLOTS": "7"}, "28 (0)"),
            ("workers", {}, f"{available_cores()} (0)"),
            ("threads", {"TINTYPE_THREADS": "1"}, "2 (1)"),
            ("engine", {"SNAPSHARP_API_KEY": "sk"}, "snapsharp (not set)"),
        ],
    )
    def test_names_what_results_from_a_default(self, name: str, environ: dict[str, str], text: str) -> None:
        assert format_setting(settings(**environ), name) == text

    @pytest.mark.parametrize("name", [name for name in Settings.model_fields if Settings.is_secret(name)])
    def test_marks_a_secret_that_is_not_set(self, name: str) -> None:
        assert format_setting(settings(), name) == "not set"


class TestTable:
    def test_lists_what_differs_from_the_defaults(self) -> None:
        chosen = settings(TINTYPE_SLOTS="7", PORT="8100")
        assert settings_table(chosen, everything=False).row_count == 2
        assert settings_table(chosen, everything=True).row_count == len(Settings.model_fields)

    def test_wraps_a_long_value_and_shows_all_of_it(self) -> None:
        value = ",".join(f"parameter{number}" for number in range(30))
        output = io.StringIO()
        table = settings_table(settings(TINTYPE_TRACKING_PARAMETERS=value), everything=False)
        Console(file=output, width=80).print(table)
        lines = output.getvalue().splitlines()
        assert all(len(line) <= 80 for line in lines)
        assert value in "".join(line.split()[1] if number == 0 else line.strip() for number, line in enumerate(lines))
