"""Signed URLs: signatures, rejected changes, key rotation, and the examples in other languages."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.paths import ROOT
from tintype.errors import BadSignature
from tintype.signing import UrlSigner, canonical_text

KEY, OLD = "the key of this year", "the key of last year"
NOW = 1_790_000_000.0
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
QUERY = st.lists(st.tuples(TEXT.filter(lambda name: name not in {"sig", "expires"}), TEXT), max_size=5)

EXAMPLES = ROOT / "examples"
VECTORS = json.loads((EXAMPLES / "sign-vectors.json").read_text())


def signed(path: str, pairs: list[tuple[str, str]], key: str = KEY) -> list[tuple[str, str]]:
    return [*pairs, ("sig", UrlSigner([key]).sign(path, pairs))]


@given(QUERY, st.randoms())
def test_signature_does_not_depend_on_the_order_of_parameters(
    pairs: list[tuple[str, str]], dice: random.Random
) -> None:
    shuffled = signed("/thumb", pairs)
    dice.shuffle(shuffled)
    assert UrlSigner([KEY]).verify("/thumb", shuffled, NOW) == math.inf


@given(QUERY, QUERY)
def test_different_queries_have_different_signed_texts(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    assert (canonical_text("/thumb", one) == canonical_text("/thumb", other)) == (sorted(one) == sorted(other))


class TestVerify:
    PAIRS = (("url", "https://example.com/"), ("width", "400"))

    @pytest.mark.parametrize(
        "change",
        [
            lambda pairs: [*pairs, ("height", "300")],
            lambda pairs: pairs[1:],
            lambda pairs: [*pairs, pairs[1]],
            lambda pairs: [pairs[0], ("width", "0400"), pairs[2]],
            lambda pairs: [("url", "https://example.com"), *pairs[1:]],
            lambda pairs: [*pairs[:2], ("sig", pairs[2][1].upper())],
            lambda pairs: [*pairs[:2], ("sig", "")],
            lambda pairs: [*pairs[:2], ("sig", "ä" * 64)],
            lambda pairs: [*pairs, pairs[2]],
            lambda pairs: pairs[:2],
            lambda pairs: [*pairs, ("expires", "1999999999")],
        ],
    )
    def test_rejects_a_changed_query(self, change: object) -> None:
        pairs = change(signed("/thumb", list(self.PAIRS)))  # type: ignore[operator]
        with pytest.raises(BadSignature, match=r"^sig: "):
            UrlSigner([KEY]).verify("/thumb", pairs, NOW)

    def test_rejects_another_path(self) -> None:
        with pytest.raises(BadSignature):
            UrlSigner([KEY]).verify("/meta", signed("/thumb", list(self.PAIRS)), NOW)

    @pytest.mark.parametrize("expires", ["", "soon", "-1", "1e12", "1" * 13, "1.5", " 1999999999"])
    def test_rejects_a_malformed_expiry(self, expires: str) -> None:
        with pytest.raises(BadSignature, match=r"^expires: must be"):
            UrlSigner([KEY]).verify("/thumb", signed("/thumb", [("expires", expires)]), NOW)

    def test_rejects_an_expired_url(self) -> None:
        pairs = signed("/thumb", [("expires", str(int(NOW)))])
        with pytest.raises(BadSignature, match="has expired"):
            UrlSigner([KEY]).verify("/thumb", pairs, NOW)
        assert UrlSigner([KEY]).verify("/thumb", pairs, NOW - 1) == NOW


class TestKeyRotation:
    def test_accepts_old_and_new_key_during_a_rotation(self) -> None:
        before, both, after = UrlSigner([OLD]), UrlSigner([KEY, OLD]), UrlSigner([KEY])
        pairs = [("url", "https://example.com/")]
        old = [*pairs, ("sig", before.sign("/thumb", pairs))]
        new = [*pairs, ("sig", both.sign("/thumb", pairs))]
        assert both.verify("/thumb", old, NOW) == both.verify("/thumb", new, NOW) == math.inf
        assert after.verify("/thumb", new, NOW) == math.inf
        with pytest.raises(BadSignature):
            after.verify("/thumb", old, NOW)

    def test_requires_at_least_one_key(self) -> None:
        with pytest.raises(ValueError, match="key"):
            UrlSigner([])


COMMANDS = {
    "python": (sys.executable, "sign.py"),
    "node": ("node", "sign.mjs"),
    "php": ("php", "sign.php"),
    "go": ("go", "run", "sign.go"),
}


@pytest.mark.parametrize("language", COMMANDS)
@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_example_makes_the_same_signature_as_the_service(
    language: str, vector: dict[str, object], tmp_path: Path
) -> None:
    command = COMMANDS[language]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    parameters: dict[str, str] = vector["parameters"]  # type: ignore[assignment]
    arguments = [*command, str(vector["key"]), str(vector["path"]), *(f"{n}={v}" for n, v in parameters.items())]
    done = subprocess.run(arguments, cwd=EXAMPLES, capture_output=True, text=True, check=True)
    url = urlsplit(done.stdout.strip())
    pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
    assert (url.path, dict(pairs)) == (vector["path"], {**parameters, "sig": vector["sig"]})
    assert UrlSigner([str(vector["key"])]).verify(url.path, pairs, NOW)
