"""Net errors and denials as errors of Tintype."""

from __future__ import annotations

import pytest

from tintype import errors
from tintype.chromium.capture import navigation_errors
from tintype.chromium.cdp.connection import ProtocolError
from tintype.chromium.proxy.traffic import DenialReason, Reason
from tintype.options import Emulation


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


class TestFromEmulation:
    @pytest.mark.parametrize(
        ("method", "option", "given"),
        [
            ("Emulation.setLocaleOverride", "locale", Emulation(locale="zz-ZZ")),
            ("Emulation.setTimezoneOverride", "timezone", Emulation(timezone="Asia/Tokyo")),
            ("Emulation.setUserAgentOverride", "user_agent", Emulation(user_agent="x")),
            ("Network.setCookies", "cookies", Emulation()),
        ],
    )
    def test_names_the_option_that_chromium_rejects(self, method: str, option: str, given: Emulation) -> None:
        error = navigation_errors.from_emulation(ProtocolError(method, "Invalid value"), given)
        assert isinstance(error, errors.InvalidRequest)
        assert [each.parameter for each in error.invalid_parameters] == [option]

    @pytest.mark.parametrize("message", ["Internal error", "Inspected target navigated or closed", "Not attached"])
    def test_a_lost_page_is_not_an_invalid_option(self, message: str) -> None:
        given = Emulation(user_agent="x")
        assert navigation_errors.from_emulation(ProtocolError("Emulation.setUserAgentOverride", message), given) is None

    def test_a_default_of_our_own_is_not_an_option_of_the_caller(self) -> None:
        error = ProtocolError("Emulation.setUserAgentOverride", "Invalid characters found in userAgent")
        assert navigation_errors.from_emulation(error, Emulation()) is None
