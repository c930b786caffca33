"""Webhooks of a real node: a receiver that never responds, a node that is killed meanwhile, and the repeated event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from harness.node import Node
from harness.webhook_receiver import Reply, WebhookReceiver
from tests.support.concurrency import eventually
from tests.support.recording_server import RecordingServer
from tests.support.webhooks import SECRET

pytestmark = pytest.mark.browser


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def test_event_of_a_killed_node_is_sent_again(receiver: WebhookReceiver, tmp_path: Path) -> None:
    receiver.replies["/hook"] = [Reply(hangs=True), Reply(204)]
    with RecordingServer() as pages:
        env = {
            "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{pages.port},127.0.0.1:{receiver.port}",
            "TINTYPE_WEBHOOK_SECRET": SECRET,
            "TINTYPE_TIMEOUT": "60",  # for a loaded machine
        }
        with Node(data=tmp_path / "data", env=env) as node:
            members = {"url": f"{pages.origin}/landing", "width": 400, "webhook": receiver.url("/hook")}
            submitted = node.client.post("/persist", json=members)
            assert submitted.status_code == 202, submitted.text
            assert eventually(lambda: receiver.of("/hook"), within=120), node.output()
            node.kill()
            node.start()
            first, second, *others = receiver.wait_for(2, "/hook", within=120)
            assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
            event = Webhook(SECRET).verify(second.body, dict(second.headers))
            assert (event["type"], event["data"]["job"]) == ("page.captured", submitted.json()["id"]), event
            assert node.client.get(event["data"]["stored_url"]).status_code == 200
            assert eventually(lambda: node.get("/webhooks/deliveries", state="delivered").json()["deliveries"], 60)
            assert others == []
            assert "tintype_webhook_attempts_total" in node.get("/metrics").text
