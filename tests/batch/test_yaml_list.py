"""Lists in YAML: entries, forms, limits."""

from __future__ import annotations

import pytest

from tintype.batch import yaml_list
from tintype.batch.url_list import Entry, ListError
from tintype.batch.yaml_list import yaml_entries


class TestEntries:
    def test_have_line_url_output_and_options(self) -> None:
        text = """
- url: https://site.org/
  output: start.webp
  width: 800
  dark_mode: yes
- https://site.org/b
- url: https://site.org/c
  geolocation: [48.2, 16.3]
  headers: {X-A: "1"}
"""
        assert list(yaml_entries(text)) == [
            Entry(2, "https://site.org/", (("width", "800"), ("dark_mode", "yes")), "start.webp"),
            Entry(6, "https://site.org/b"),
            Entry(7, "https://site.org/c", (("geolocation", ["48.2", "16.3"]), ("headers", {"X-A": "1"}))),
        ]

    def test_keep_repeated_options_for_the_parser(self) -> None:
        (entry,) = yaml_entries("- {url: https://site.org/, width: 800, width: 900}")
        assert entry.options == (("width", "800"), ("width", "900"))

    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
    def test_accepts_an_empty_list(self, text: str) -> None:
        assert list(yaml_entries(text)) == []


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("url: https://site.org/", "not a list; write a list of mappings"),
            ("- [1, 2]", "line 1: not a mapping"),
            ("- width: 3", "line 1: url is missing"),
            ("- {url: [a]}", "line 1: url is missing"),
            ("- {url: a, url: b}", "line 1: url and output may be given once"),
            ("- {url: 'a", "not valid YAML: "),
            ("- !!python/object/apply:os.system [id]\n- {url: a", "not valid YAML"),
            ("- &a https://site.org/\n- *a", "aliases (*name) are not supported"),
            ("- {url: a, x: [[[[[[[[[[1]]]]]]]]]]}", "line 1: nested too deeply"),
            (f"- {'[' * 100_000}", "nested too deeply"),
        ],
    )
    def test_name_the_line_and_the_remedy(self, text: str, message: str) -> None:
        with pytest.raises(ListError) as failed:
            list(yaml_entries(text))
        assert message in str(failed.value)

    @pytest.mark.parametrize("output", ["../a.png", "a/b.png", "/tmp/a.png", ".hidden.png", "batch.jsonl", "x" * 201])
    def test_reject_outputs_outside_of_the_folder(self, output: str) -> None:
        with pytest.raises(ListError, match="output must be a file name"):
            list(yaml_entries(f"- url: https://site.org/\n  output: {output}"))

    def test_limit_the_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(yaml_list, "MAX_BYTES", 100)
        with pytest.raises(ListError, match="split the list"):
            list(yaml_entries("- https://site.org/\n" * 10))
