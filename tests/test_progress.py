"""The progress id of a request."""

from __future__ import annotations

import pytest

from tintype.progress import current_progress_id, followed_as, is_progress_id

ID = "0123456789abcdef" * 2


def test_request_without_an_id_has_none() -> None:
    assert current_progress_id() == ""


def test_id_holds_inside_the_block() -> None:
    with followed_as(ID):
        assert current_progress_id() == ID
    assert current_progress_id() == ""


@pytest.mark.parametrize("text", ["", "short", ID.upper(), f"{ID}0", f"{ID[:-1]}/", f"{ID}\n"])
def test_other_forms_are_ignored(text: str) -> None:
    assert not is_progress_id(text)
    with followed_as(text):
        assert current_progress_id() == ""
