"""Finds writing systems and web fonts without an installed font; runs fontconfig in the browser's environment.

The browser does not see fonts in home folders.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tintype.chromium.process.launch_options import environment

LIST, MATCH = "fc-list", "fc-match"
_TIMEOUT = 60.0
_NO_HOME = Path("/nonexistent")

_LIBERATION, _CARLITO, _CALADEA = "fonts-liberation", "fonts-crosextra-carlito", "fonts-crosextra-caladea"
_CORE, _CJK, _EMOJI = "fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"

SLIM_PACKAGES = ("fontconfig", _LIBERATION, _CARLITO, _CALADEA)
"""Debian packages: fontconfig, and fonts with the metrics of the usual web fonts, in Latin, Greek and Cyrillic."""
PACKAGES = (*SLIM_PACKAGES, _CORE, _CJK, _EMOJI)
"""The slim packages, and fonts for emoji and nearly every other writing system."""


@dataclass(frozen=True, slots=True)
class WritingSystem:
    """A writing system: letters that one font must contain together, and the Debian package of such a font."""

    name: str
    letters: str
    package: str
    coloured: bool = False


SCRIPTS = (
    WritingSystem("Latin", "AzÄéßçłőžıșĐ", _LIBERATION),
    WritingSystem("Greek", "ΑλφάΏ", _LIBERATION),
    WritingSystem("Cyrillic", "ЖяїЂў", _LIBERATION),
    WritingSystem("Arabic", "سلامپچگ", _CORE),
    WritingSystem("Hebrew", "שלוםץ", _CORE),
    WritingSystem("Devanagari", "नमस्तेक्ष", _CORE),
    WritingSystem("Bengali", "নমস্কার", _CORE),
    WritingSystem("Gurmukhi", "ਸਤਿਸ੍ਰੀ", _CORE),
    WritingSystem("Gujarati", "નમસ્તે", _CORE),
    WritingSystem("Tamil", "வணக்கம்", _CORE),
    WritingSystem("Telugu", "నమస్కారం", _CORE),
    WritingSystem("Kannada", "ನಮಸ್ಕಾರ", _CORE),
    WritingSystem("Malayalam", "നമസ്കാരം", _CORE),
    WritingSystem("Sinhala", "ආයුබෝවන්", _CORE),
    WritingSystem("Thai", "สวัสดีครับ", _CORE),
    WritingSystem("Lao", "ສະບາຍດີ", _CORE),
    WritingSystem("Khmer", "សួស្តី", _CORE),
    WritingSystem("Burmese", "မင်္ဂလာပါ", _CORE),
    WritingSystem("Georgian", "გამარჯობა", _CORE),
    WritingSystem("Armenian", "Բարեւ", _CORE),
    WritingSystem("Ethiopic", "ሰላም", _CORE),
    WritingSystem("Simplified Chinese", "简体汉语门龙", _CJK),
    WritingSystem("Traditional Chinese", "繁體漢語門龍", _CJK),
    WritingSystem("Japanese", "ひらがなカタカナ峠込", _CJK),
    WritingSystem("Korean", "안녕하세요", _CJK),
    WritingSystem("Mathematics", "∀∃∑∫ℝ𝔸𝑥", _CORE),
    WritingSystem("Emoji", "😀👩🏽🚀❤🇺🇳", _EMOJI, coloured=True),
)


@dataclass(frozen=True, slots=True)
class MetricCompatible:
    """Fonts with the metrics of a proprietary web font, and the Debian package of one."""

    name: str
    families: tuple[str, ...]
    package: str


_SANS = ("Arial", "Liberation Sans", "Arimo", "Nimbus Sans", "TeX Gyre Heros")
_SERIF = ("Times New Roman", "Liberation Serif", "Tinos", "Nimbus Roman", "TeX Gyre Termes")
_MONO = ("Courier New", "Liberation Mono", "Cousine", "Nimbus Mono PS", "TeX Gyre Cursor")

SUBSTITUTES = (
    MetricCompatible("Arial", _SANS, _LIBERATION),
    MetricCompatible("Helvetica", ("Helvetica", *_SANS), _LIBERATION),
    MetricCompatible("Times New Roman", _SERIF, _LIBERATION),
    MetricCompatible("Courier New", _MONO, _LIBERATION),
    MetricCompatible("Calibri", ("Calibri", "Carlito"), _CARLITO),
    MetricCompatible("Cambria", ("Cambria", "Caladea"), _CALADEA),
)


class FontconfigUnavailable(Exception):
    """fontconfig is missing or fails. The text names the reason."""


def missing_scripts() -> list[WritingSystem]:
    """Writing systems that the browser draws as boxes; raises FontconfigUnavailable."""
    fonts = [_font(line) for line in _run_fontconfig(LIST, "--format=%{color} %{charset}\n").splitlines()]
    return [script for script in SCRIPTS if not any(_covers(font, script) for font in fonts)]


def missing_substitutes() -> list[MetricCompatible]:
    """Web fonts that are replaced by one with other widths, which moves line breaks; raises FontconfigUnavailable."""
    return [wanted for wanted in SUBSTITUTES if not set(_match(wanted.name)) & set(wanted.families)]


def advice(scripts: list[WritingSystem], substitutes: list[MetricCompatible]) -> list[str]:
    """One line for each Debian package to install, with the reason."""
    lines = []
    for package in PACKAGES:
        without = [script.name for script in scripts if script.package == package]
        other = [substitute.name for substitute in substitutes if substitute.package == package]
        wrongs = [f"no font for {', '.join(without)}"] if without else []
        wrongs += [f"no font with the metrics of {', '.join(other)}"] if other else []
        lines += [f"{' and '.join(wrongs)}: install {package}"] if wrongs else []
    return lines


_Font = tuple[bool, list[range]]


def _font(line: str) -> _Font:
    """Parse a line of fontconfig: whether the font has colour, and its code points, such as ``20-7e a0 a3-ff``."""
    colour, _, points = line.partition(" ")
    bounds = [(first, last or first) for first, _, last in (part.partition("-") for part in points.split())]
    return colour == "True", [range(int(first, 16), int(last, 16) + 1) for first, last in bounds]


def _covers(font: _Font, script: WritingSystem) -> bool:
    coloured, points = font
    letters = set(map(ord, script.letters))
    return coloured >= script.coloured and all(any(letter in part for part in points) for letter in letters)


def _match(name: str) -> list[str]:
    return _run_fontconfig(MATCH, "--format=%{family}", name).strip().split(",")


def _run_fontconfig(program: str, *arguments: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise FontconfigUnavailable(f"{program} is missing")
    try:
        done = subprocess.run(
            [path, *arguments],
            env=environment(_NO_HOME),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FontconfigUnavailable(f"{program} does not run: {error}") from error
    if done.returncode:
        raise FontconfigUnavailable(f"{program} failed: {done.stderr.strip()[:200]}")
    return done.stdout
