"""The rules about elements that come with Tintype."""

from __future__ import annotations

import pytest

from tintype.chromium.cleaning import bundled_rules
from tintype.options import PageChanges

NOTHING = PageChanges(block_ads=False, block_chats=False, block_cookie_banners=False)


def test_a_style_sheet_has_one_rule_a_selector() -> None:
    lines = bundled_rules.stylesheet(PageChanges()).splitlines()
    assert "#onetrust-consent-sdk{display:none!important}" in lines
    assert "ins.adsbygoogle{display:none!important}" in lines
    assert "#intercom-container{display:none!important}" in lines
    assert all(line.endswith("{display:none!important}") for line in lines)


@pytest.mark.parametrize(
    ("option", "selector"),
    [("block_ads", "ins.adsbygoogle"), ("block_chats", ".crisp-client"), ("block_cookie_banners", "#didomi-host")],
)
def test_each_option_hides_its_own(option: str, selector: str) -> None:
    assert selector not in bundled_rules.stylesheet(PageChanges.model_validate({option: False}))
    assert selector in bundled_rules.stylesheet(NOTHING.model_copy(update={option: True}))


def test_nothing_asked_is_nothing_hidden() -> None:
    assert bundled_rules.stylesheet(NOTHING) == ""


def test_nothing_is_named_twice() -> None:
    consent = [selector for manager in bundled_rules.consent_managers() for selector in manager["hide"]]
    for named in (consent, bundled_rules.selectors("ads"), bundled_rules.selectors("chats")):
        assert len(named) == len(set(named))


def test_a_manager_is_known_by_what_is_hidden() -> None:
    assert {frozenset(manager) - {"locks"} for manager in bundled_rules.consent_managers()} == {
        frozenset({"name", "hide", "refuse"})
    }
    assert [manager["name"] for manager in bundled_rules.consent_managers() if not manager["hide"]] == []


def test_no_answer_is_both_yes_and_no() -> None:
    words = bundled_rules.consent_words()
    assert not set(words["accept"]) & set(words["refuse"])
    assert [word for group in words.values() for word in group if word != word.lower()] == []
