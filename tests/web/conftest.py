"""The web application over fake backends, with a test client and helpers for authentication and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.fakes import Clock, FakeEngine, FakeLookup, MemoryCache, MemoryCounters, MemoryStorage, ThreadLocks
from tintype.application import Application
from tintype.model import Freshness
from tintype.protocols import CaptureMonitor
from tintype.request_parser import RequestParser
from tintype.service import ThumbnailService
from tintype.service.limits import WaitingLimit
from tintype.telemetry.instrumented import InstrumentedEngine
from tintype.urls import TargetPolicy
from tintype.web import create_app
from tintype.web.auth import Authenticator
from tintype.web.client_address import ProxyTrust
from tintype.web.playground import Playground
from tintype.web.rate_limit import RateLimiter, RateLimits
from tintype.web.request_body import BodyReader
from tintype.web.sending import ResponseSender

DAY = 86_400
URL = "https://site.org/"


@dataclass
class Site:
    """The application over fakes; set attributes of the fakes before the first request."""

    rate_limits: RateLimits = field(default_factory=RateLimits)
    trusted_proxies: tuple[str, ...] = ()
    public_url: str = ""
    allow_js: bool = True
    allow_hosts: tuple[str, ...] = ()
    authenticator: Authenticator = field(default_factory=Authenticator)
    playground: Playground = field(default_factory=Playground)
    waiting_limit: WaitingLimit = field(default_factory=WaitingLimit)
    body_reader: BodyReader = field(default_factory=BodyReader)
    sender: ResponseSender = field(default_factory=ResponseSender)
    captures: CaptureMonitor | None = None
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.clock)
        self.records, self.masters = MemoryCache(self.clock), MemoryCache(self.clock)
        self.storage, self.lookup, self.counters = (
            MemoryStorage(clock=self.clock),
            FakeLookup(),
            MemoryCounters(self.clock),
        )
        self.service = ThumbnailService(
            engine=InstrumentedEngine(self.engine, "chromium"),
            records=self.records,
            masters=self.masters,
            locks=ThreadLocks(),
            storage=self.storage,
            target_checker=self.lookup,
            clock=self.clock,
            waiting_limit=self.waiting_limit,
        )
        self.app = self._app()
        self.client: FlaskClient = self.app.test_client()

    def thumb(self, url: str = URL, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        return self.client.get("/thumb", query_string={"url": url, **options}, headers=headers)

    def get_raw(self, query: str | bytes, **more: Any) -> TestResponse:
        """Send a query string without escaping it."""
        text = query.decode("latin-1") if isinstance(query, bytes) else query
        return self.client.get("/thumb", environ_overrides={"QUERY_STRING": text}, **more)

    def persist(self, **members: Any) -> TestResponse:
        return self.client.post("/persist", json={"url": URL, **members})

    def _app(self) -> Flask:
        visitors = ProxyTrust(self.trusted_proxies)
        self.application = Application(
            service=self.service,
            rate_limiter=RateLimiter(self.counters, self.rate_limits, visitors),
            request_parser=RequestParser(
                TargetPolicy(allow_hosts=self.allow_hosts, tracking_parameters=("utm_*",)),
                Freshness(max_age=DAY, stale_for=7 * DAY),
                max_ttl=30 * DAY,
                allow_js=self.allow_js,
            ),
            authenticator=self.authenticator,
            body_reader=self.body_reader,
            sender=self.sender,
            playground=self.playground,
            proxies=visitors,
            public_url=self.public_url,
            serves_stored=self.storage.url("").startswith("/"),
            captures=self.captures,
            jobs=getattr(self, "jobs", None),
            schedules=getattr(self, "schedules", None),
            webhooks=getattr(self, "webhooks", None),
            clock=self.clock,
        )
        return create_app(self.application)


@pytest.fixture
def site() -> Site:
    return Site()
