"""The bundled rules and their style sheet."""

from __future__ import annotations

import pytest

from tintype.chromium.cleaning import bundled_rules
from tintype.options import PageChanges

NOTHING = PageChanges(block_ads=False, block_chats=False, block_cookie_banners=False)


@pytest.mark.parametrize(
    ("option", "kind", "selector"),
    [
        ("block_ads", "ads", "ins.adsbygoogle"),
        ("block_chats", "chats", ".crisp-client"),
        ("block_cookie_banners", "consent", "#didomi-host"),
    ],
)
def test_each_option_has_its_own_rules(option: str, kind: str, selector: str) -> None:
    assert kind not in bundled_rules.named_rules(PageChanges.model_validate({option: False}))
    rules = bundled_rules.named_rules(NOTHING.model_copy(update={option: True}))
    assert [*rules] == [kind]
    assert selector in rules[kind]["selectors"]


def test_there_are_no_rules_without_options() -> None:
    assert bundled_rules.named_rules(NOTHING) == {}


def test_keeps_the_size_of_what_lies_over_the_page_until_it_is_judged() -> None:
    rules = bundled_rules.named_rules(PageChanges())
    assert [kind for kind, rule in rules.items() if "display" in rule["first"]] == ["ads"]


def test_an_invalid_selector_hides_no_less_than_the_others() -> None:
    assert bundled_rules.hiding_css(["a", "b["]) == "a{display:none!important}\nb[{display:none!important}"


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
