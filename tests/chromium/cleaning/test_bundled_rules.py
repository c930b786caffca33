"""The bundled rules and their style sheet."""

from __future__ import annotations

import pytest

from tintype.chromium.cleaning import bundled_rules
from tintype.options import PageChanges

NOTHING = PageChanges(block_ads=False, block_chats=False, block_cookie_banners=False)


def test_stylesheet_has_one_rule_per_selector() -> None:
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


def test_stylesheet_is_empty_without_options() -> None:
    assert bundled_rules.stylesheet(NOTHING) == ""


def test_no_selector_is_listed_twice() -> None:
    consent = [selector for manager in bundled_rules.consent_managers() for selector in manager["hide"]]
    for named in (consent, bundled_rules.selectors("ads"), bundled_rules.selectors("chats")):
        assert len(named) == len(set(named))


def test_each_manager_has_selectors_to_hide() -> None:
    assert {frozenset(manager) - {"locks"} for manager in bundled_rules.consent_managers()} == {
        frozenset({"name", "hide", "refuse"})
    }
    assert [manager["name"] for manager in bundled_rules.consent_managers() if not manager["hide"]] == []


def test_no_label_both_accepts_and_refuses() -> None:
    words = bundled_rules.consent_words()
    assert not set(words["accept"]) & set(words["refuse"])
    assert [word for group in words.values() for word in group if word != word.lower()] == []
