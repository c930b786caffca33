"""Parses the member ``webhook`` of a request: a URL, or an object with ``url`` and ``events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tintype.errors import InvalidParameter, InvalidRequest, TargetDenied, TintypeError
from tintype.network.egress import Policy
from tintype.urls import TargetPolicy
from tintype.webhooks.model import Event, WebhookTarget
from tintype.webhooks.signatures import WebhookSigner

MEMBERS = ("url", "events")
WITHOUT_SECRET = "needs a secret that signs events; the operator sets TINTYPE_WEBHOOK_SECRET"  # noqa: S105 - a message


class WebhookParser:
    """Parses and checks webhooks. URLs obey the egress policy, here and again at each connection."""

    def __init__(self, policy: Policy, signer: WebhookSigner, deny_hosts: tuple[str, ...] = ()) -> None:
        self._targets, self._signer = TargetPolicy(policy, deny_hosts=deny_hosts), signer

    def parse(
        self, value: Any, *, owner: str, base_url: str, accepted: Sequence[Event], default: Sequence[Event]
    ) -> WebhookTarget:
        """The webhook of a request of an owner; ``default`` are its events if the client names none.

        Raises InvalidRequest with every mistake.
        """
        if not self._signer.can_sign(owner):
            raise InvalidRequest(InvalidParameter("webhook", WITHOUT_SECRET))
        if isinstance(value, str):
            value = {"url": value}
        if not isinstance(value, Mapping):
            raise InvalidRequest(InvalidParameter("webhook", "must be a URL, or an object with url and events"))
        invalid = [
            InvalidParameter(f"webhook.{str(name)[:64]}", f"is not a member of a webhook; use {' and '.join(MEMBERS)}")
            for name in value
            if name not in MEMBERS
        ]
        url = self._url(value.get("url"), invalid)
        events = _events(value.get("events"), accepted, default, invalid)
        if invalid:
            raise InvalidRequest(*invalid)
        return WebhookTarget(url=url, events=events, base_url=base_url)

    def _url(self, value: Any, invalid: list[InvalidParameter]) -> str:
        if not isinstance(value, str):
            invalid.append(InvalidParameter("webhook.url", "is required: a URL such as https://example.com/webhooks"))
            return ""
        try:
            return self.canonicalize(value)
        except InvalidRequest as error:
            invalid += [InvalidParameter("webhook.url", each.message) for each in error.invalid_parameters]
        except TargetDenied:
            invalid.append(InvalidParameter("webhook.url", "must be a public web address that the operator permits"))
        except TintypeError as error:
            invalid.append(InvalidParameter("webhook.url", error.detail))
        return ""

    def check_url(self, url: str, owner: str) -> None:
        """Raise ValueError for a URL that no event could be sent to, or if no secret signs the events of an owner."""
        invalid: list[InvalidParameter] = []
        self._url(url, invalid)
        if invalid:
            raise ValueError(invalid[0].message)
        if not self._signer.can_sign(owner):
            raise ValueError(WITHOUT_SECRET)

    def canonicalize(self, url: str) -> str:
        """The canonical form of a webhook's URL; raises InvalidRequest or TargetDenied."""
        return self._targets.canonicalize(url).partition("#")[0]


def _events(
    value: Any, accepted: Sequence[Event], default: Sequence[Event], invalid: list[InvalidParameter]
) -> tuple[Event, ...]:
    """The events in the order of their definition, each once."""
    if value is None:
        return tuple(default)
    names = [each.value for each in accepted]
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each in names for each in value):
        invalid.append(InvalidParameter("webhook.events", f"must be a list of {', '.join(names)}"))
        return ()
    return tuple(each for each in accepted if each in value)
