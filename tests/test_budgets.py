"""The table of budgets in docs/security.md states the bounds that the code has."""

from __future__ import annotations

import re

import pytest

from harness import ROOT
from tintype import errors, request_parser
from tintype.backends import MAX_CAPTURE_WAIT
from tintype.batch import url_list, yaml_list
from tintype.chromium import browser, browser_contexts, kept_contexts
from tintype.chromium.capture import (
    element_boxes,
    elements,
    emulation,
    motion,
    page_capture,
    virtual_time,
    visible_rows,
)
from tintype.chromium.cdp import connection, frames, tab
from tintype.chromium.cleaning import closed_hosts
from tintype.chromium.daemon import followed, slots, supervisor
from tintype.chromium.process.watchdog import ProcessLimits
from tintype.chromium.proxy.session import ProxyLimits
from tintype.commands import file_server, worker
from tintype.engines import chromium
from tintype.imaging.render import MAX_PIXELS as IMAGE_PIXELS
from tintype.jobs import leased_pages, messages, sitemap_members, sitemap_pages, submission
from tintype.jobs import service as job_service
from tintype.network import outbound_post, resolver
from tintype.options import combinations, credentials, types
from tintype.schedules import comparison as schedule_comparison
from tintype.schedules import submission as schedule_submission
from tintype.schedules import timing
from tintype.service import rendering_limit, stored_objects
from tintype.sitemaps import reader as sitemap
from tintype.sitemaps import robots
from tintype.state import broker, counter_table, job_records, purges
from tintype.storage import guarded
from tintype.web import (
    client_address,
    connections,
    fallback_images,
    header_fields,
    progress,
    purge,
    query_cache,
    rate_limit,
    raw_params,
    request_body,
    response_cache,
    sending,
    usage,
)
from tintype.web.jobs import archive, preview
from tintype.web.jobs import views as job_views
from tintype.web.schedules import bodies as schedule_bodies
from tintype.web.schedules import views as schedule_views
from tintype.web.webhooks import views as delivery_views
from tintype.webhooks import dispatcher, sender
from tintype.webhooks import model as webhook_model
from tintype.webhooks import service as webhook_service
from tintype.webhooks.model import DeliveryLimits

KB, MB = 1 << 10, 1 << 20
COLUMNS = ["resource", "bound per request", "bound per client", "bound for the process", "answer at the bound"]


def _table() -> dict[str, list[str]]:
    """Cells of each row after the resource, which is the key."""
    text = (ROOT / "docs/security.md").read_text()
    section = text.split("## Budgets\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    assert cells[0] == COLUMNS
    return {row[0]: row[1:] for row in cells[2:]}


TABLE = _table()

BOUNDS: list[tuple[str, str]] = [
    ("list of `tintype batch`", f"{url_list.MAX_URLS:,} URLs; {yaml_list.MAX_BYTES // MB} MB of YAML"),
    ("list of `tintype batch`", f"{sitemap.MAX_FILES} sitemaps of {sitemap.MAX_BYTES // MB} MB"),
    ("list of `tintype batch`", f"{sitemap.MAX_TOTAL_BYTES // MB} MB together, indexes {sitemap.MAX_INDEX_DEPTH} deep"),
    ("connections", f"{connections.MAX_CONNECTIONS_PER_CLIENT}"),
    ("connections", f"{connections.MAX_CONNECTIONS}"),
    ("head of a request", f"{worker.MAX_HEAD // KB} KB, {worker.HEAD_TIMEOUT:.0f} s"),
    ("head of a request", f"{header_fields.MAX_FIELD:,} characters"),
    ("query string", f"{raw_params.MAX_QUERY // KB} KB, {request_parser.MAX_PARAMETERS} parameters"),
    ("body of a request", f"{request_body.MAX_BODY // MB} MB, {connections.BODY_TIMEOUT:.0f} s"),
    ("body of a request", f"{request_body.MAX_SENDERS_PER_CLIENT} arriving"),
    ("body of a request", f"{request_body.MAX_SENDERS} arriving"),
    ("members of a JSON body", f"{request_parser.MAX_PARAMETERS}; depth {raw_params.MAX_DEPTH}"),
    ("members of a JSON body", f"{raw_params.MAX_ENTRIES:,} entries"),
    ("option values", f"{types.MAX_SHORT} characters (words), {types.MAX_SELECTOR} (selector, user agent)"),
    ("option values", f"{types.MAX_SELECTORS:,} (`hide_selectors`)"),
    ("option values", f"{types.MAX_SOURCE:,} (`css`, `js`), {types.MAX_HTML:,} (`html`)"),
    ("credentials", f"{credentials.MAX_HEADERS} headers and {credentials.MAX_COOKIES} cookies"),
    ("credentials", f"{credentials.MAX_HEADER_LENGTH:,} characters, {credentials.MAX_CREDENTIAL_LENGTH} for user"),
    ("validation", f"{errors.MAX_LISTED} parameters and {request_parser.MAX_SUGGESTIONS} suggestions"),
    ("response that is read slowly", f"{connections.MIN_SEND_RATE // KB} KB/s over {connections.SEND_WINDOW:.0f} s"),
    ("response that is read slowly", f"{sending.MAX_STREAMS_PER_CLIENT} at a time"),
    ("response that is read slowly", f"{sending.MAX_STREAMS} at a time; pieces of {sending.PIECE_BYTES // KB} KB"),
    ("captures", f"{rate_limit.WIDE_NETWORK_FACTOR} times the limit"),
    ("requests that wait for a capture", f"{MAX_CAPTURE_WAIT:.0f} s"),
    ("progress of captures", f"32 hex digits, {chromium.QUICK_TIMEOUT:g} s"),
    ("progress of captures", f"{progress.MAX_CONCURRENT_PER_CLIENT} at a time"),
    ("progress of captures", f"{progress.MAX_CONCURRENT} at a time; {followed.MAX_CANCELLED} ids remembered"),
    ("image of a capture", f"{combinations.MAX_PIXELS // 1_000_000} megapixels"),
    (
        "list of elements (`elements=true`)",
        f"{element_boxes.MAX_BOXES} boxes, selectors of {element_boxes.MAX_LENGTH} characters",
    ),
    (
        "list of elements (`elements=true`)",
        f"{element_boxes.MAX_ELEMENTS:,} elements examined and {element_boxes.MAX_COMPARISONS:,} compared",
    ),
    ("list of elements (`elements=true`)", f"{element_boxes.MAX_SECONDS:.0f} s"),
    (
        "lists that keep only their visible rows",
        f"{visible_rows.MAX_SCREENS} screens, {visible_rows.MAX_SECONDS:.0f} s",
    ),
    ("hosts of a blocklist that a page leads through", f"{page_capture.MAX_BLOCKED_HOSTS}"),
    ("files of `tintype shot --html`", f"{file_server.MAX_FILE // MB} MB per file"),
    ("files of `tintype shot --html`", f"{file_server.MAX_TOTAL // MB} MB and {file_server.MAX_REQUESTS:,} files"),
    ("images drawn at a time", f"{rendering_limit.TIMEOUT:.0f} s of waiting"),
    ("images drawn at a time", f"{rendering_limit.SMALL_PIXELS / 1e6} megapixels"),
    ("images drawn at a time", f"{rendering_limit.MAX_PIXELS // 1_000_000} megapixels"),
    ("images drawn at a time", f"{rendering_limit.MAX_HELD_BYTES // MB} MB"),
    ("error images", " × ".join(map(str, fallback_images.SMALL_SIZES[0]))),
    ("DNS lookups", f"{resolver.MAX_LOOKUPS} at a time; {resolver.MAX_CACHED_NAMES:,} names"),
    ("DNS lookups", f"for {resolver.CACHE_SECONDS:.0f} s, failures for {resolver.FAILURE_SECONDS:.0f} s"),
    ("tags", f"{types.MAX_TAGS} of"),
    ("purge", f"{purge.MAX_SELECTORS} selectors of {purge.MAX_TEXT:,} characters"),
    ("purge", f"{purges.TOMBSTONE_SECONDS:.0f} s"),
    ("list or deletion of stored objects", f"{stored_objects.MAX_SCAN:,} objects, {stored_objects.SCAN_TIME:.0f} s"),
    ("job", f"{submission.MAX_PAGES:,} pages, {job_views.MAX_JOB_BODY // MB} MB"),
    ("job", f"{submission.MAX_OPTIONS // MB} MB of different options"),
    ("job", f"name of {submission.MAX_NAME} characters"),
    ("job", f"{job_service.MAX_QUEUED:,} pages queued"),
    ("pages of jobs", f"{leased_pages.MAX_ATTEMPTS} attempts, pauses of at most {leased_pages.MAX_PAUSE:.0f} s"),
    ("pages of jobs", f"lost by {job_records.MAX_LOST_WORKERS} workers"),
    ("messages to job workers", f"{messages.MAX_WAITING:,} messages"),
    ("messages to job workers", f"one lasts {broker.TIME_LIMIT // 60_000} min"),
    (
        "sitemap of a job",
        f"{sitemap_pages.MAX_SECONDS:.0f} s; {sitemap.MAX_FILES} sitemaps of {sitemap.MAX_BYTES // MB} MB",
    ),
    ("sitemap of a job", f"{sitemap.MAX_LOCATIONS:,} entries, {sitemap.MAX_TOTAL_BYTES // MB} MB together"),
    (
        "sitemap of a job",
        f"{robots.MAX_ORIGINS} robots.txt of {robots.MAX_BYTES // KB} KB and {robots.MAX_LINES:,} lines",
    ),
    ("sitemap of a job", f"{sitemap_members.MAX_GLOBS} globs of {sitemap_members.MAX_GLOB} characters"),
    ("sitemap of a job", f"{sitemap_pages.MAX_REPORTED} left out URLs"),
    ("list of jobs", f"{job_views.MAX_PAGE:,} entries; {job_service.MAX_EXAMINED:,} jobs compared"),
    ("schedule", f"{schedule_submission.MAX_SCHEDULE_PAGES:,} pages, {schedule_views.MAX_SCHEDULE_BODY // MB} MB"),
    ("schedule", f"at least {timing.MIN_INTERVAL // 60:.0f} minutes"),
    ("schedule", f"{schedule_submission.MAX_REGIONS} ignored regions"),
    ("comparison of two thumbnails", f"{schedule_comparison.MAX_PICTURE // MB} MB of each"),
    ("comparison of two thumbnails", f"{IMAGE_PIXELS // 1_000_000} megapixels"),
    ("list of runs", f"{schedule_views.MAX_RUNS} runs with {schedule_bodies.MAX_RUN_PAGES} pages"),
    (
        "requests that follow a job",
        f"{job_views.MAX_WAIT:.0f} s of waiting, {job_views.EVENTS_SECONDS:.0f} s of events",
    ),
    ("requests that follow a job", f"{1 / job_service.CHANGE_INTERVAL:.0f} events per second"),
    ("requests that follow a job", f"{job_views.MAX_WATCHERS_PER_CLIENT} at a time"),
    ("requests that follow a job", f"{job_views.MAX_WATCHERS} at a time"),
    ("webhooks", f"{sender.ATTEMPT_SECONDS:.0f} s per attempt, {webhook_model.MAX_ATTEMPTS} attempts"),
    ("webhooks", f"a payload of {(webhook_model.MAX_DATA + 1000) // 1000} KB"),
    ("webhooks", f"{outbound_post.MAX_RESPONSE // KB} KB of the response"),
    ("webhooks", f"Retry-After of {sender.MAX_RETRY_AFTER / 3600:.0f} h"),
    ("webhooks", f"{DeliveryLimits().per_receiver} attempts at a time per receiver"),
    ("webhooks", f"{DeliveryLimits().total} attempts at a time; {webhook_service.MAX_PENDING:,} pending"),
    ("webhooks", f"the last {dispatcher.MAX_KEPT:,} ended"),
    ("list of deliveries", f"{delivery_views.MAX_PAGE:,} entries"),
    ("archive of a job", f"{archive.MAX_ARCHIVES_PER_CLIENT} at a time"),
    ("archive of a job", f"{archive.MAX_ARCHIVES} at a time"),
    ("previews of the pages of a job", f"{preview.SMALL.width} × {preview.SMALL.height} pixels"),
    ("previews of the pages of a job", f"{preview.LARGE.width} × {preview.LARGE.height}"),
    ("previews of the pages of a job", f"{preview.MAX_SOURCE // MB} MB"),
    ("storage operation", f"{guarded.OPERATION_TIMEOUT:.0f} s"),
    ("storage operation", f"{guarded.MAX_CONCURRENT} at a time, {guarded.MAX_WAIT:.0f} s of waiting"),
    ("storage operation", f"{guarded.OPEN_SECONDS:.0f} s"),
    ("counters of clients", f"{counter_table.BUCKETS * counter_table.ROWS:,} rows"),
    (
        "client addresses in memory",
        f"{client_address.MAX_FORWARDED_LENGTH:,} characters and {client_address.MAX_HOPS} hops",
    ),
    ("client addresses in memory", f"{rate_limit.MAX_CACHED_KEYS:,} texts"),
    ("client addresses in memory", f"{client_address.MAX_CACHED_FORWARDED_LENGTH} characters"),
    ("responses in memory", f"{response_cache.BUDGET // MB} MB, for {response_cache.LIFETIME:.0f} s"),
    ("responses in memory", f"{response_cache.OUTAGE_LIFETIME:.0f} s while Redis is out"),
    ("parsed queries in memory", f"{query_cache.MAX_KEY_LENGTH:,} characters"),
    ("connections of a page", f"{ProxyLimits().connections:,}, {ProxyLimits().bytes // 1_000_000} MB"),
    ("connections of a page", f"{ProxyLimits().lookups} DNS lookups"),
    ("kept browser contexts", f"{kept_contexts.MAX_AGE / 60:.0f} minutes, {kept_contexts.MAX_CAPTURES} captures"),
    ("kept browser contexts", f"{kept_contexts.MAX_CONTEXT_BYTES // MB} MB transferred"),
    ("kept browser contexts", f"per browser, {kept_contexts.MAX_BYTES // MB} MB transferred"),
    ("kept browser contexts", f"{browser_contexts.MAX_SERVICE_MEMORY // MB} MB in the network process"),
    ("kept browser contexts", f"kept: {kept_contexts.MAX_TAB_MEMORY // MB} MB"),
    ("kept browser contexts", f"{browser.MAX_WATCHED_SITES:,} sites of which all requests are watched"),
    ("kept browser contexts", f"not used for {kept_contexts.TAB_IDLE:.0f} s"),
    ("windows, dialogs of a page", f"{tab._MAX_POPUPS}, {tab._MAX_DIALOGS:,}"),
    ("memory of a page", f"{emulation._STORAGE_QUOTA // 1_000_000} MB of storage"),
    ("memory of a page", f"{ProcessLimits().renderer // (KB * MB)} GB per renderer"),
    ("memory of a page", f"{ProcessLimits().gpu // MB} MB in the GPU process"),
    ("scripts of Tintype in a page", f"{elements.MAX_CLOSED_ROOTS} closed shadow trees per search"),
    ("scripts of Tintype in a page", f"{tab.MAX_SHARED_WORKERS} shared and service workers"),
    ("scripts of Tintype in a page", f"{motion.MAX_SVG_IMAGES} SVG images of {motion.MAX_SVG_BYTES // 1000} KB"),
    ("scripts of Tintype in a page", f"{virtual_time.MAX_ISOLATED} isolated frames with virtual time"),
    ("scripts of Tintype in a page", f"{motion.HOLD_SECONDS:.0f} s for loops of animation frames"),
    ("cleaning of a page", f"{closed_hosts.MAX_HOSTS} possible hosts of closed ones"),
    ("scripts of Tintype in a page", f"{frames.MAX_WORKERS} workers"),
    ("scripts of Tintype in a page", f"{frames.MAX_FRAMES} frames"),
    ("threads of a page", f"{ProcessLimits().threads} beyond"),
    ("CPU of a page", f"{supervisor.MAX_CPU:.0f} s while"),
    ("CPU of a page", f"over {slots.SLOW_AFTER:.0f} s"),
    ("message of a browser to the daemon", f"event {connection.MAX_EVENT_BYTES // MB} MB"),
    ("message of a browser to the daemon", f"reply {connection.MAX_REPLY_BYTES // MB} MB"),
    ("message of a browser to the daemon", f"{connection.MAX_IMAGE_BYTES // MB} MB"),
    ("metrics labels of API keys", f"{usage.MAX_LABELLED_KEYS}, then"),
]
"""A row of the table, and a bound as the table states it."""


class TestBudgets:
    @pytest.mark.parametrize(("resource", "bound"), BOUNDS)
    def test_table_states_the_bound_of_the_code(self, resource: str, bound: str) -> None:
        assert any(bound in cell for cell in TABLE[resource])

    @pytest.mark.parametrize("resource", TABLE)
    def test_row_has_a_bound_and_an_answer(self, resource: str) -> None:
        *bounds, answer = TABLE[resource]
        assert len(bounds) == 3
        assert any(bound != "–" for bound in bounds)
        assert answer not in {"", "–"} or resource.startswith("metrics")

    def test_settings_of_the_table_exist(self) -> None:
        documented = (ROOT / "docs/configuration.md").read_text()
        names = set(re.findall(r"TINTYPE_[A-Z_]+", str(TABLE)))
        assert {name for name in names if f"`{name}`" not in documented} == set()
