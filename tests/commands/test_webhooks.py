"""``tintype webhooks``: list, resend, test and secret, over a data folder and a real receiver."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from harness.webhook_receiver import Reply, WebhookReceiver
from tests.support.contracts.deliveries import DELIVERED, FAILED, new_delivery, take
from tests.support.webhooks import OTHER_SECRET, SECRET
from tintype import backends, cli
from tintype.settings import Settings
from tintype.webhook_secrets import check_secret
from tintype.webhooks.model import DeliveryStore

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def run(
    tmp_path: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TINTYPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("TINTYPE_ALLOW_ADDRESSES", f"127.0.0.1:{receiver.port}")

    def call(*arguments: str) -> tuple[int, list[str], str]:
        code = cli.run(["webhooks", *arguments])
        output, error = capfd.readouterr()
        return code, output.splitlines(), error

    return call


@pytest.fixture
def store(run: Run) -> DeliveryStore:
    return backends.open_state(Settings.load()).deliveries


class TestList:
    def test_lists_newest_first(self, run: Run, store: DeliveryStore) -> None:
        store.add([new_delivery(name) for name in ("one", "two", "three")])
        code, lines, _ = run("list", "--limit", "2")
        assert code == 0
        assert ["three" in lines[0], "two" in lines[1], len(lines)] == [True, True, 2]

    def test_filters_by_state_as_json(self, run: Run, store: DeliveryStore) -> None:
        store.add([new_delivery(name) for name in ("one", "two")])
        for result in (DELIVERED, FAILED):
            store.finish(take(store), result)
        code, lines, _ = run("list", "--state", "failed", "--json")
        (found,) = map(json.loads, lines)
        assert (code, found["id"], found["state"], found["error"]) == (0, "two", "failed", "the last attempt failed")

    def test_needs_the_folder_of_a_service(self, run: Run) -> None:
        code, _, error = run("list")
        assert code == 2
        assert "no delivery here" in error


class TestResend:
    def test_makes_deliveries_due(self, run: Run, store: DeliveryStore) -> None:
        store.add([new_delivery("one")])
        store.finish(take(store), FAILED)
        code, lines, error = run("resend", "one", "unknown")
        assert (code, len(lines), "unknown: there is no such delivery" in error) == (1, 1, True)
        assert take(store).delivery.id == "one"


class TestTest:
    def test_sends_a_signed_event_and_reports_the_status(self, run: Run, receiver: WebhookReceiver) -> None:
        code, lines, _ = run("test", receiver.url("/hook"))
        assert code == 0
        assert lines[0].startswith("Delivered after")
        assert "status 204" in lines[0]
        (received,) = receiver.received
        assert Webhook(SECRET).verify(received.body, dict(received.headers))["type"] == "webhook.test"

    def test_reports_a_failure(self, run: Run, receiver: WebhookReceiver) -> None:
        receiver.replies["/"] = [Reply(302, {"Location": receiver.url("/inner")})]
        code, _, error = run("test", receiver.url())
        assert (code, len(receiver.received)) == (3, 1)
        assert "status 302, and redirects are not followed" in error

    @pytest.mark.parametrize(("url", "code"), [("http://10.1.2.3/", 3), ("nonsense", 2)])
    def test_checks_the_url(self, url: str, code: int, run: Run) -> None:
        assert run("test", url)[0] == code

    def test_signs_with_the_secret_of_a_key(
        self, run: Run, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_API_KEYS", f"shop:{'k' * 16}:webhook_secret={OTHER_SECRET}")
        assert run("test", receiver.url(), "--key", "shop")[0] == 0
        (received,) = receiver.received
        assert Webhook(OTHER_SECRET).verify(received.body, dict(received.headers))

    def test_needs_a_secret(self, run: Run, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TINTYPE_WEBHOOK_SECRET")
        code, _, error = run("test", receiver.url())
        assert (code, "TINTYPE_WEBHOOK_SECRET" in error) == (2, True)


def test_secret_is_valid(run: Run) -> None:
    code, (secret,), _ = run("secret")
    assert (code, check_secret(secret)) == (0, secret)
