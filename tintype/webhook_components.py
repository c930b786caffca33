"""Builds the components of webhooks from the settings."""

from __future__ import annotations

from tintype.api_keys import ApiKey
from tintype.backends import denied_hosts
from tintype.network.egress import Policy
from tintype.network.outbound_post import Poster
from tintype.settings import Settings
from tintype.webhooks.model import DeliveryStore
from tintype.webhooks.sender import ATTEMPT_SECONDS, WebhookSender
from tintype.webhooks.service import WebhookService
from tintype.webhooks.signatures import WebhookSigner
from tintype.webhooks.target import WebhookParser


def build_webhooks(settings: Settings, deliveries: DeliveryStore, policy: Policy) -> WebhookService:
    """Build the webhooks of this process, without connecting."""
    keys = {key.name: key.webhook_secrets for key in map(ApiKey.parse, settings.api_keys)}
    signer = WebhookSigner(settings.webhook_secret, keys)
    denied = denied_hosts(settings)
    sender = WebhookSender(Poster(policy, ATTEMPT_SECONDS, denied), signer)
    return WebhookService(deliveries, WebhookParser(policy, signer, denied), sender, settings.webhook_retention)
