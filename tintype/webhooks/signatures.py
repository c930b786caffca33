"""Signatures of deliveries by Standard Webhooks, with the secrets of the owner or of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook


class WebhookSigner:
    """Signs with every secret of an owner, or with those of the service if the owner has none of its own.

    With two secrets each delivery has two signatures, so that receivers can change from one to the other at any time.
    """

    def __init__(self, common: Sequence[str] = (), of_owners: Mapping[str, Sequence[str]] | None = None) -> None:
        self._common = tuple(map(Webhook, common))
        self._of_owners = {owner: tuple(map(Webhook, texts)) for owner, texts in (of_owners or {}).items() if texts}

    def can_sign(self, owner: str) -> bool:
        """Whether there is a secret for the deliveries of an owner."""
        return bool(self._keys(owner))

    def headers(self, owner: str, delivery_id: str, body: str, at: float) -> dict[str, str]:
        """The three headers of a delivery at a time in seconds since the epoch; raises ValueError without a secret."""
        if not self.can_sign(owner):
            raise ValueError("no secret for webhooks is configured")
        time = datetime.fromtimestamp(int(at), UTC)
        signatures = [key.sign(delivery_id, time, body) for key in self._keys(owner)]
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(at)),
            "webhook-signature": " ".join(signatures),
        }

    def _keys(self, owner: str) -> Sequence[Webhook]:
        return self._of_owners.get(owner) or self._common
