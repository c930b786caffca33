"""Deliveries, secrets and stores for tests of webhooks."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from tests.support import concurrency
from tintype.network.egress import AllowRule, Policy
from tintype.network.outbound_post import Poster
from tintype.webhooks.model import Delivery, DeliveryState, Event
from tintype.webhooks.sender import WebhookSender
from tintype.webhooks.signatures import WebhookSigner

SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"b" * 24).decode()


def eventually(condition: Callable[[], object], within: float = 60.0) -> bool:
    """Poll a condition until it is true, for longer than usual: attempts run in threads of loaded machines."""
    return concurrency.eventually(condition, within)


def has_npm_package(name: str) -> bool:
    """Whether Node is installed and finds a package, for example in ``NODE_PATH``."""
    if not shutil.which("node"):
        return False
    return subprocess.run(["node", "-e", f'require("{name}")'], capture_output=True, check=False).returncode == 0


def delivery(url: str = "https://hooks.example/", *, attempts: int = 1, **fields: Any) -> Delivery:
    values: dict[str, Any] = {
        "id": "msg_1", "event": Event.JOB_COMPLETED, "url": url, "subject": "job_1", "page": 0, "owner": "",
        "data": '{"id": "job_1", "name": "grün"}', "state": DeliveryState.PENDING, "attempts": attempts,
        "created_at": 1_700_000_000.25, "due_at": 0.0, "ended_at": 0.0, "http_status": 0, "error": "",
    }  # fmt: skip
    return Delivery(**{**values, **fields})


def sender_for(port: int, seconds: float = 60.0, signer: WebhookSigner | None = None, **more: Any) -> WebhookSender:
    """A sender that may connect to one port of this machine."""
    policy = Policy((AllowRule.parse(f"127.0.0.1:{port}"),))
    return WebhookSender(Poster(policy, seconds), signer or WebhookSigner([SECRET]), **more)
