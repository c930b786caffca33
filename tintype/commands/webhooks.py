"""``tintype webhooks``: lists and resends deliveries, sends a test event, and generates secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from tintype import application, backends, logs
from tintype.commands import ExitCode
from tintype.commands.data_folders import require_service_data, without_new_folder
from tintype.commands.help_page import DocumentedCommand, SuggestingGroup
from tintype.errors import NotFound
from tintype.jobs.report import iso_time
from tintype.settings import Settings
from tintype.webhook_components import build_webhooks
from tintype.webhook_secrets import new_secret
from tintype.webhooks.model import Delivery, DeliveryState
from tintype.webhooks.service import WebhookService

_PER_READ = 500
_NO_SECRET = (
    "No secret signs webhooks: set TINTYPE_WEBHOOK_SECRET, or webhook_secret= of the API key.\n"  # noqa: S105 - a message
    "tintype webhooks secret generates one."
)


@click.group("webhooks", cls=SuggestingGroup)
def command() -> None:
    """List, resend and test deliveries of webhooks.

    The deliveries are those of the service in this folder: in Redis if REDIS_URL is set, else in TINTYPE_DATA_DIR.
    """


@command.command(
    "list",
    cls=DocumentedCommand,
    examples=("tintype webhooks list --state failed", "tintype webhooks list --limit 1000 --json"),
    exit_codes=(ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR),
)
@click.option(
    "--state", type=click.Choice([each.value for each in DeliveryState]), help="Only deliveries in this state."
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Stop after so many deliveries.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_command(*, state: str | None, limit: int, as_json: bool) -> None:
    """List deliveries, newest first: time, state, attempts, event, id, URL, and why the last attempt failed."""
    with _opened() as webhooks:
        before = ""
        while limit > 0:
            size = min(limit, _PER_READ)
            wanted = DeliveryState(state) if state else None
            found = webhooks.deliveries(None, state=wanted, before=before, limit=size)
            for delivery in found:
                click.echo(_json_line(delivery) if as_json else _line(delivery))
            if len(found) < size:
                return
            before, limit = found[-1].id, limit - size


@command.command(
    "resend",
    cls=DocumentedCommand,
    examples=("tintype webhooks resend msg_5b1f0c4e9a7d2b8f6e3c1a90",),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR),
)
@click.argument("ids", nargs=-1, required=True)
def resend_command(*, ids: tuple[str, ...]) -> None:
    """Send deliveries again, with all attempts. The running service sends them, with the same id and body."""
    unknown = 0
    with _opened() as webhooks:
        for delivery_id in ids:
            try:
                found = webhooks.resend(webhooks.delivery(delivery_id, None))
            except NotFound:
                unknown += 1
                click.echo(f"{delivery_id}: there is no such delivery", err=True)
            else:
                click.echo(_line(found))
    if unknown:
        raise click.exceptions.Exit(ExitCode.FAILURE)


@command.command(
    "test",
    cls=DocumentedCommand,
    examples=("tintype webhooks test https://hooks.example.net/tintype",),
    exit_codes=(ExitCode.USAGE_ERROR, ExitCode.TARGET_ERROR),
)
@click.argument("url")
@click.option("--key", default="", help="Name of the API key whose secret signs the event.")
def test_command(*, url: str, key: str) -> None:
    """Send one signed event of the type webhook.test to URL, and report the response.

    The connection obeys the same rules as that of the service. Nothing is stored, and nothing is repeated.
    """
    with _opened(needs_data=False) as webhooks:
        if not webhooks.can_sign(key):
            raise click.UsageError(_NO_SECRET)
        outcome = webhooks.send_test(url, key)
    seconds = f"after {outcome.seconds:.2f} s"
    if outcome.result.state is DeliveryState.DELIVERED:
        click.echo(f"Delivered {seconds}: status {outcome.result.http_status}.")
        return
    click.echo(f"Not delivered {seconds}: {outcome.result.error}.", err=True)
    raise click.exceptions.Exit(ExitCode.TARGET_ERROR)


@command.command(
    "secret", cls=DocumentedCommand, examples=("tintype webhooks secret",), exit_codes=(ExitCode.USAGE_ERROR,)
)
def secret_command() -> None:
    """Print a new secret for TINTYPE_WEBHOOK_SECRET."""
    click.echo(new_secret())


@contextmanager
def _opened(*, needs_data: bool = True) -> Iterator[WebhookService]:
    settings = Settings.load()
    if needs_data and not settings.redis_url:
        require_service_data(settings, "delivery")
    logs.configure("error", settings.log_format)
    with without_new_folder(settings) as opened:
        deliveries = backends.open_state(opened).deliveries
        yield build_webhooks(opened, deliveries, application.egress_policy(opened))


def _line(delivery: Delivery) -> str:
    page = f" page {delivery.page}" if delivery.page else ""
    reason = f"  {delivery.error}" if delivery.error else ""
    attempts = f"{delivery.attempts} attempt{'' if delivery.attempts == 1 else 's'}"
    what = f"{delivery.event.value} of {delivery.subject}{page}"
    return (
        f"{iso_time(delivery.created_at)}  {delivery.state.value:9}  {attempts:11}  {delivery.id}"
        f"  {what}  {delivery.url}{reason}"
    )


def _json_line(delivery: Delivery) -> str:
    return json.dumps(
        {
            "id": delivery.id,
            "event": delivery.event.value,
            "url": delivery.url,
            "subject": delivery.subject,
            "page": delivery.page or None,
            "owner": delivery.owner,
            "state": delivery.state.value,
            "attempts": delivery.attempts,
            "http_status": delivery.http_status or None,
            "error": delivery.error or None,
            "created_at": iso_time(delivery.created_at),
            "next_attempt_at": iso_time(delivery.due_at),
            "ended_at": iso_time(delivery.ended_at),
        }
    )
