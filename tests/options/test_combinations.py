"""Rules between options, reported together and under the operator's limits."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tintype.options import OptionLimits, Options
from tintype.options.combinations import ERROR_TYPE
from tintype.options.paper import MIN_PRINTABLE, MM_PER_INCH, PAPER_SIZES

URL = "https://site.org/"
CREDENTIALS: dict[str, Any] = {"headers": {"X-Key": "one"}, "cookies": {"a": "one"}, "basic_auth": "anna:one"}


def conflicts(limits: OptionLimits | None = None, **options: Any) -> dict[str, str]:
    """The reason for each option at fault."""
    try:
        Options.model_validate({"url": URL, **options}, context=limits)
    except ValidationError as error:
        items = error.errors(include_url=False)
        assert {item["type"] for item in items} == {ERROR_TYPE}
        return {str(item["loc"][0]): item["msg"] for item in items}
    return {}


class TestCombinations:
    @pytest.mark.parametrize(
        ("options", "names"),
        [
            ({"retina": True, "scale": 3}, {"retina"}),
            ({"clip": "0,0,9,9", "selector": "p"}, {"clip"}),
            ({"placeholder": True, "fresh": True}, {"placeholder"}),
            ({"placeholder": True, "ttl": 0}, {"placeholder"}),
            ({"html": "<p>a", **CREDENTIALS}, set(CREDENTIALS)),
            ({"cookies": [{"name": "a", "value": "b", "domain": "other.org"}]}, {"cookies"}),
            ({"format": "pdf", "thumb_width": 320, "selector": "p"}, {"thumb_width", "selector"}),
            ({"format": "json", "fit": "inside"}, {"fit"}),
            ({"format": "json", "selector": "p"}, set()),
            ({"paper": "a5", "margin": 5}, {"paper", "margin"}),
            ({"width": 3840, "height": 2160, "scale": 3}, {"scale"}),
            ({"device": "desktop-4k", "retina": True}, {"scale"}),
        ],
        ids=lambda value: ",".join(sorted(value)),  # str of a set differs between the processes of xdist
    )
    def test_rejects_options_that_exclude_each_other(self, options: dict[str, Any], names: set[str]) -> None:
        assert set(conflicts(**options)) == names

    @pytest.mark.parametrize("landscape", [False, True])
    @pytest.mark.parametrize("paper", PAPER_SIZES)
    def test_rejects_margins_that_leave_no_room_on_the_paper(self, paper: str, landscape: bool) -> None:
        side = min(PAPER_SIZES[paper]) * MM_PER_INCH
        for margin in range(101):
            reason = conflicts(format="pdf", paper=paper, landscape=landscape, margin=margin).get("margin", "")
            assert bool(reason) == (side - 2 * margin < MIN_PRINTABLE), (margin, reason)

    def test_names_the_largest_margin(self) -> None:
        assert conflicts(format="pdf", paper="a5", margin=80) == {
            "margin": "must be at most 69 millimetres with paper=a5"
        }

    @pytest.mark.parametrize("name", CREDENTIALS)
    def test_rejects_a_placeholder_with_credentials(self, name: str) -> None:
        assert set(conflicts(placeholder=True, **{name: CREDENTIALS[name]})) == {"placeholder"}

    @pytest.mark.parametrize(
        "options",
        [
            {"retina": True, "scale": 2},
            {"format": "pdf", "paper": "a5", "margin": 5},
            {"cookies": [{"name": "a", "value": "b", "domain": ".site.org"}]},
            {"placeholder": True, "ttl": 60},
            CREDENTIALS,
        ],
        ids=str,
    )
    def test_accepts_options_that_fit(self, options: dict[str, Any]) -> None:
        assert conflicts(**options) == {}

    def test_reports_all_of_them_together(self) -> None:
        found = conflicts(clip="0,0,9,9", selector="p", retina=True, scale=3, paper="a5", width=3840, height=2160)
        assert set(found) == {"clip", "retina", "paper", "scale"}

    def test_names_the_reason(self) -> None:
        assert conflicts(html="<p>a", basic_auth="anna:one") == {
            "basic_auth": "cannot be combined with html: there is no origin to send it to"
        }


class TestOptionLimits:
    LIMITS = OptionLimits(max_ttl=60, allow_js=False)

    def test_reject_what_the_operator_forbids(self) -> None:
        assert conflicts(self.LIMITS, js="1", ttl=61) == {
            "js": "is disabled on this server",
            "ttl": "must be a whole number from 0 to 60 seconds",
        }

    def test_accept_everything_by_default(self) -> None:
        assert conflicts(js="1", ttl=10**6) == {}

    def test_can_leave_combinations_unchecked(self) -> None:
        assert conflicts(OptionLimits(check_combinations=False), clip="0,0,9,9", selector="p") == {}
