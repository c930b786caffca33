"""``PageContext``: the page, the shot and everything else that the steps of one capture share."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import structlog

from tintype.chromium.capture.lasting_state import LastingState
from tintype.chromium.capture.network_activity import NetworkActivity
from tintype.chromium.capture.pending_work import PendingWork
from tintype.chromium.capture.virtual_time import VirtualTime
from tintype.chromium.cdp.connection import CdpSession, Json
from tintype.chromium.cdp.frames import Frames
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.proxy.traffic import Traffic
from tintype.filters.engine import FilterEngine
from tintype.imaging import Patch
from tintype.options import Shot
from tintype.urls import host_of

_on_step: ContextVar[Callable[[str], None] | None] = ContextVar("on_step", default=None)


def report_steps_to(on_step: Callable[[str], None]) -> None:
    """Call a function with each step that captures of this task begin: ``navigate``, ``stabilize``, ``screenshot``."""
    _on_step.set(on_step)


@dataclass(slots=True)
class PageContext:
    """One page during one capture. Every step takes it as its only argument."""

    tab: Tab
    shot: Shot
    traffic: Traffic
    """Records of the egress proxy about this page's connections."""
    user_agent: str
    """The browser's own; ``user_agent`` and ``device`` of the shot replace it."""
    max_height: int
    """Greatest height of an image, in CSS pixels."""
    filters: FilterEngine | None = None
    """The operator's filter lists; None without lists, or if the shot does not block advertising."""
    is_keepable: bool = False
    """Whether the browser context may be kept for the next capture of the site."""
    is_reused: bool = False
    """Whether the browser context has served captures before."""
    watches_all: bool = False
    """Whether all requests are watched, if the browser context may be kept; see ``lasting_state.py``."""
    deadline: float = 0.0
    """Soft deadline on the event loop's clock: then the page is frozen and captured as it is."""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds by step."""
    checked_height: int = 0
    """CSS pixels from the top of the page that have to be stable: 0 for the viewport alone."""
    blocked_urls: set[str] = field(default_factory=set)
    """Images and frames that filter lists blocked."""
    called_managers: set[str] = field(default_factory=set)
    """Consent managers whose API was called: elements that they leave on the page are not a new dialog."""
    closed_roots: set[int] = field(default_factory=set)
    """Backend node ids of the closed shadow trees that scripts can search."""
    is_still: bool = False
    """Whether nothing was due on the page at the last look, nor in its images; see ``readiness.py``."""
    scrolled_to_anchor: bool = False
    """Whether the capture has scrolled to the anchor, because the browser had not found it."""
    expanded: int = 0
    """Elements that scrolled in place of the document and are as tall as their content now."""
    unseen_ends: set[int] = field(default_factory=set)
    """Of the document (-1) and these elements, those whose end no walk has reached."""
    patches: list[Patch] = field(default_factory=list)
    """Screens of lists that keep only their visible rows, in place of what the page shows at its top."""
    rows_end: float = math.inf
    """CSS pixels from the top at which the rows of such a list end that were captured."""
    key: str = field(default_factory=lambda: secrets.token_hex(8))
    """Name by which our scripts in the page's world and in the isolated world find each other; no page knows it."""
    found_wait_for: bool = False
    """Whether an element has matched ``wait_for``."""
    partial_reasons: list[str] = field(default_factory=list)
    """Why the screenshot does not show the finished page; empty if it does."""
    info: Json = field(default_factory=dict)
    """The last report of ``page_features.js``; empty before, and if the page did not answer in time."""
    metadata: Json = field(default_factory=dict)
    """The last report of ``metadata.js``; empty likewise."""
    virtual_time: VirtualTime = field(init=False)
    pending_work: PendingWork = field(init=False)
    network: NetworkActivity = field(init=False)
    frames: Frames = field(init=False)
    lasting_state: LastingState = field(init=False)
    log: Any = field(init=False)
    """Logger that carries the target's host; URLs may hold secrets and are not logged."""

    def __post_init__(self) -> None:
        if not self.shot.page_changes.block_ads:
            self.filters = None
        self.virtual_time = VirtualTime(self.session)
        self.pending_work = PendingWork(self.session, self.key)
        self.network = NetworkActivity(self.session)
        self.frames = Frames(self.session)
        self.lasting_state = LastingState(self.tab, self.frames, self.shot.url, watches_all=self.watches_all)
        self.log = structlog.get_logger("tintype.chromium").bind(host=host_of(self.shot.url))

    @property
    def session(self) -> CdpSession:
        """The CDP session of the page."""
        return self.tab.session

    @property
    def url(self) -> str:
        """URL of the document in the main frame; empty before the first navigation."""
        return str(self.tab.document.get("url", ""))

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the duration of a block to ``timings``, and report that the step begins."""
        start = time.perf_counter()
        if on_step := _on_step.get():
            on_step(step)
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0) + round((time.perf_counter() - start) * 1000, 1)
