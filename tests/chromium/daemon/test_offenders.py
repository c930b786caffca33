"""Offenders: pages and hosts that cost too much lately."""

from __future__ import annotations

from tintype.chromium.daemon.offenders import EXPIRY, MAX_ENTRIES, Cost, Offenders

PAGE = "http://a.example.com/page"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_expects_a_normal_cost_of_an_unknown_page() -> None:
    assert Offenders().expected_cost(PAGE) is Cost.NORMAL


def test_marks_a_page_with_any_query_and_no_other_page() -> None:
    offenders = Offenders()
    offenders.record(f"{PAGE}?1", Cost.EXCESSIVE)
    assert offenders.expected_cost(f"{PAGE}?2#x") is Cost.EXCESSIVE
    assert offenders.expected_cost(f"{PAGE}/other") is Cost.NORMAL


def test_unmarks_a_page_after_a_normal_capture() -> None:
    offenders = Offenders()
    offenders.record(PAGE, Cost.SLOW)
    offenders.record(PAGE, Cost.NORMAL)
    assert offenders.expected_cost(PAGE) is Cost.NORMAL


def test_marks_a_host_whose_pages_mostly_cost_too_much() -> None:
    offenders = Offenders()
    for number in range(5):
        offenders.record(f"http://bad.example.com/{number}", Cost.EXCESSIVE)
    assert offenders.expected_cost("http://bad.example.com/new") is Cost.EXCESSIVE


def test_does_not_mark_a_host_with_normal_pages() -> None:
    offenders = Offenders()
    for number in range(20):
        offenders.record(f"http://large.example.com/{number}", Cost.EXCESSIVE)
        offenders.record(f"http://large.example.com/normal/{number}", Cost.NORMAL)
    assert offenders.expected_cost("http://large.example.com/new") is Cost.NORMAL


def test_forgets_a_page_after_the_expiry() -> None:
    clock = Clock()
    offenders = Offenders(clock)
    offenders.record(PAGE, Cost.EXCESSIVE)
    clock.now = EXPIRY + 1
    assert offenders.expected_cost(PAGE) is Cost.NORMAL


def test_bounds_its_entries() -> None:
    offenders = Offenders()
    for number in range(MAX_ENTRIES):
        offenders.record(f"http://{number}.example.com/{'x' * 100}", Cost.EXCESSIVE)
    assert len(offenders) == MAX_ENTRIES


def test_normal_captures_take_no_entry() -> None:
    offenders = Offenders()
    offenders.record(PAGE, Cost.NORMAL)
    assert len(offenders) == 0
