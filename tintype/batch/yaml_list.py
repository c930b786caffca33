"""Lists in YAML: a sequence of mappings with ``url``, ``output`` and options, or of URLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from tintype.batch.filenames import is_file_name
from tintype.batch.manifest import MANIFEST_FILE
from tintype.batch.url_list import Entry, ListError

ENDINGS = (".yaml", ".yml", ".json")
"""Endings of lists in YAML; JSON is YAML too."""
MAX_BYTES = 4 << 20
"""Bytes of a list in YAML: its parser is slow."""
_MAX_DEPTH = 8
_FORM = "write a list of mappings: - url: https://example.com"


class _Loader(yaml.BaseLoader):
    """Composes nodes; every scalar is a text, as in a query. Aliases are rejected: they multiply the size of a list."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node; raises ListError for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise ListError("aliases (*name) are not supported")
        return super().compose_node(parent, index)


def yaml_entries(text: str) -> Iterator[Entry]:
    """The entries of a list; raises ListError for a list that cannot be read."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ListError(f"longer than {MAX_BYTES >> 20} MB; split the list")
    try:
        root = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        raise ListError(f"not valid YAML: {' '.join(str(error).split())[:300]}") from error
    except RecursionError:
        raise ListError("nested too deeply") from None
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        return
    if not isinstance(root, yaml.SequenceNode):
        raise ListError(f"not a list; {_FORM}")
    for node in root.value:
        yield _entry(node)


def _entry(node: yaml.Node) -> Entry:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return Entry(line, node.value)
    if not isinstance(node, yaml.MappingNode):
        raise ListError(f"line {line}: not a mapping; {_FORM}")
    pairs = [(str(key.value), _value(value)) for key, value in node.value]
    urls = [value for name, value in pairs if name == "url"]
    outputs = [value for name, value in pairs if name == "output"]
    if len(urls) > 1 or len(outputs) > 1:
        raise ListError(f"line {line}: url and output may be given once")
    if not urls or not isinstance(urls[0], str):
        raise ListError(f"line {line}: url is missing; {_FORM}")
    options = tuple(pair for pair in pairs if pair[0] not in ("url", "output"))
    return Entry(line, urls[0], options, _output(outputs[0], line) if outputs else "")


def _output(value: Any, line: int) -> str:
    """The file name of an entry; raises ListError for a path, because the record names files of the folder only."""
    is_name = isinstance(value, str) and is_file_name(value) and not value.startswith(".")
    if not is_name or value == MANIFEST_FILE:
        raise ListError(f"line {line}: output must be a file name with the ending of a format, without a folder")
    return str(value)


def _value(node: yaml.Node, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise ListError(f"line {node.start_mark.line + 1}: nested too deeply")
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, depth + 1) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _value(value, depth + 1) for key, value in node.value}
    return node.value
