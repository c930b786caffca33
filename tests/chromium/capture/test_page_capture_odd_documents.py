"""Documents of which scripts expect something else: forms whose fields hide properties, no root element."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.capture_page import BLUE, GREEN, CapturePage, colours
from tintype.errors import InvalidRequest, SelectorNotFound

pytestmark = pytest.mark.browser


class TestForm:
    def test_full_page_shows_a_form_with_fields_called_as_properties(self, capture: CapturePage) -> None:
        seen = capture("/odd-form.html", full_page=True)
        assert (seen.height, colours(seen, (600, 2000), (50, 2950))) == (3000, [BLUE, GREEN])

    def test_clip_shows_a_part_of_it(self, capture: CapturePage) -> None:
        assert colours(capture("/odd-form.html", clip=(0, 2800, 200, 200)), (150, 50), (50, 150)) == [BLUE, GREEN]

    @pytest.mark.parametrize(
        "options", [{}, {"scroll_to": "500"}, {"hide_selectors": "p"}, {"css": "p { color: red }"}]
    )
    def test_viewport_shows_it(self, options: dict[str, Any], capture: CapturePage) -> None:
        assert colours(capture("/odd-form.html", **options), (600, 400)) == [BLUE]


class TestNoRoot:
    @pytest.mark.parametrize("options", [{}, {"full_page": True}, {"scroll_to": "500"}, {"hide_selectors": "p"}])
    def test_document_without_a_root_is_captured(self, options: dict[str, Any], capture: CapturePage) -> None:
        assert capture("/no-root.html#end", **options).width == 640

    def test_parts_of_it_are_errors(self, capture: CapturePage) -> None:
        with pytest.raises(SelectorNotFound):
            capture("/no-root.html", selector="p")
        with pytest.raises(InvalidRequest):
            capture("/no-root.html", clip=(0, 800, 300, 300))
