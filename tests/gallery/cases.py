"""The cases of the gallery: a page, its options, and what a person must see on the image.

Pages are those of ``gallery/pages`` and of ``tests/site``. A new case is a line here and ``make gallery ACCEPT=1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
GOLDEN = FOLDER / "golden"


@dataclass(frozen=True, slots=True)
class Case:
    """One image as a client receives it."""

    name: str
    path: str
    """Path and query on the fixture site."""
    shows: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def golden(self) -> Path:
        """Path of the golden image."""
        return GOLDEN / f"{self.name}.png"


def case(name: str, path: str, shows: str, **options: object) -> Case:
    """A case with a viewport of 800 x 500 unless options say otherwise: golden images are in the repository."""
    window = {} if "device" in options else {"width": 800, "height": 500}
    return Case(name, path, shows, {key: str(value) for key, value in {**window, **options}.items()})


CASES = (
    case("article", "/article.html", "Header, title, landscape, the beginning of the text; black on white."),
    case("article-dark", "/article.html", "The same, light on dark, links pale blue.", dark_mode=1),
    case("article-print", "/article.html", "No header; the title ends in (printed).", media="print", full_page=1),
    case("article-thumbnail", "/article.html", "The upper part of the page, small and sharp.", thumb_width=240),
    case("phone", "/article.html", "A phone's width: two links in the header, no third.", device="iphone-se", scale=1),
    case("dashboard", "/dashboard.html", "48,250, 1,934 and 99 %; the line up to the right edge; all bars at length."),
    case("skeleton", "/skeleton.html", "Four cards with pictures, no grey boxes; the message slid in, lower right."),
    case(
        "lazy", "/late-pictures.html", "Seven landscapes, the sixth slid in to the left edge.", width=520, full_page=1
    ),
    case(
        "sticky",
        "/staying.html",
        "Header and red bar once, at the top; three colours; the yellow dot once, at the end.",
        full_page=1,
    ),
    case("inner", "/inner.html", "Header, menu, messages as far as the window."),
    case("inner-unfolded", "/inner.html", "Header, menu down to the end, all twelve messages.", full_page=1),
    case(
        "visible-rows", "/visible-rows.html?groups", "Rows 0 to 119 without a gap, headings and bars once.", full_page=1
    ),
    case("side-bar", "/side-bars.html?veil", "A pale blue column down to the green footer.", full_page=1),
    case(
        "frameset", "/frameset.html", "Menu and content to the end: red, a green square, a green footer.", full_page=1
    ),
    case("tower", "/tower.html", "24 storeys from 0 px to 11500 px, each of a colour.", width=320, full_page=1),
    case("scripts", "/scripts.html", "28 scripts, no boxes, emoji in colour.", width=1280, height=480),
    case("right-to-left", "/rtl.html", "Title and picture at the right, links at the left, code in Latin order."),
    case("web-font", "/webfont.html", "Title, three houses and LATE made of squares; one line in typewriter letters."),
    case("density", "/density.html", "A dense screen, landscape, hairline.", width=400, height=300, scale=2),
    case("light", "/light.html", "Gradients even, blends and masks as named."),
    case("see-through", "/light.html", "The same without paper behind it.", omit_background=1),
    case("canvas", "/canvas.html", "Pie, bars, waves, flower, rings; no WebGL and a sentence instead."),
    case("form", "/form.html", "A form with values; the wrong address red; Send in focus."),
    case("table", "/table.html", "A table with lines, Monday over two rows; a list in three columns."),
    case("nested", "/nested.html", "A table and green in frames, posters, an open fold, a dialog."),
    case("cookie-banner", "/clean/onetrust.html", "The page alone, no banner, no shade over it."),
    case("cookie-wall", "/clean/home-made-wall.html", "The page alone, which can be scrolled.", full_page=1),
    case("cookie-banner-kept", "/clean/onetrust.html", "The banner.", block_cookie_banners=0),
    case("element", "/table.html", "The table alone, to its edges.", selector="table"),
    case("missing", "/no-such-page", "The site's own page for what is missing: red.", width=480, height=240),
    case("error-card", "/broken?status=502", "A card: the target returned HTTP error 502.", on_error="image"),
)
