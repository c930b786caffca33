"""Net errors and denials as errors of Tintype."""

from __future__ import annotations

import pytest

from tintype import errors
from tintype.chromium.capture import navigation_errors
from tintype.chromium.proxy.traffic import DenialReason, Reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", errors.TargetUnreachable),
        ("net::ERR_CERT_DATE_INVALID", errors.TargetUnreachable),
        ("net::ERR_CERT_SOMETHING_NEW", errors.TargetUnreachable),
        ("net::ERR_SSL_PROTOCOL_ERROR", errors.TargetUnreachable),
        ("net::ERR_TOO_MANY_REDIRECTS", errors.TargetUnreachable),
        ("net::ERR_SOMETHING_NEW", errors.TargetUnreachable),
        ("net::ERR_UNSAFE_PORT", errors.TargetDenied),
        ("net::ERR_UNSAFE_REDIRECT", errors.TargetDenied),
        ("net::ERR_ABORTED", errors.NotAPage),
        ("net::ERR_HTTP_RESPONSE_CODE_FAILURE", errors.TargetError),
    ],
)
def test_each_net_error_has_an_error_class(error: str, kind: type[errors.TintypeError]) -> None:
    failure = navigation_errors.from_navigation(error, None)
    assert type(failure) is kind
    assert "ERR_" not in failure.detail


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("policy", errors.TargetDenied),
        ("unknown-host", errors.TargetUnreachable),
        ("unreachable", errors.TargetUnreachable),
        ("limit", errors.TargetUnreachable),
    ],
)
def test_a_denial_by_the_proxy_decides(reason: Reason, kind: type[errors.TintypeError]) -> None:
    refusal = DenialReason("10.0.0.5", 80, reason)
    for error in ("net::ERR_SOCKS_CONNECTION_FAILED", ""):
        failure = navigation_errors.from_navigation(error, refusal)
        assert type(failure) is kind
        assert "10.0.0.5" not in failure.detail


def test_a_denial_does_not_explain_an_invalid_certificate() -> None:
    failure = navigation_errors.from_navigation("net::ERR_CERT_DATE_INVALID", DenialReason("a.example", 443, "policy"))
    assert isinstance(failure, errors.TargetUnreachable)


def test_a_download_is_not_a_page() -> None:
    assert isinstance(navigation_errors.from_navigation("net::ERR_ABORTED", None, is_download=True), errors.NotAPage)


@pytest.mark.parametrize(("mime", "drawn"), [("text/html", True), ("image/svg+xml", True), ("video/mp4", False)])
def test_a_video_is_not_a_page(mime: str, drawn: bool) -> None:
    assert (navigation_errors.from_content_type(mime) is None) is drawn
