"""``GET /usage``: usage of API keys in a month, for the client that holds a key and for operators."""

from __future__ import annotations

import re
from itertools import islice

from flask import Blueprint, Flask, Response, g, jsonify, request

from tintype.errors import InvalidParameter, InvalidRequest
from tintype.web import request_log
from tintype.web.auth import Authenticator
from tintype.web.bodies import JsonBody, KeyUsage, UsageReport
from tintype.web.usage import Usage, UsageRecorder

MAX_PAGE = 1000
"""API keys in one response."""
_DEFAULT_PAGE = 100
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NAMES = {"month", "after", "limit"}


def install(app: Flask, usage: UsageRecorder) -> None:
    """Record every response of the application to a request with an API key."""

    def record(response: Response) -> Response:
        if key := g.get("key_name"):
            usage.record(key, request_log.sent_bytes(response))
        return response

    app.after_request(record)


def blueprint(authenticator: Authenticator) -> Blueprint:
    """The route. An API key reads its own usage, an admin key that of all API keys, by name and in pages."""
    routes, usage = Blueprint("usage", __name__), authenticator.usage

    @routes.get("/usage")
    def report() -> Response:
        name, is_admin = authenticator.usage_reader(request)
        month, after, limit = _parameters()
        month, found = usage.read(month)
        if not is_admin:
            return _uncached(_key_usage(usage, month, name, found.get(name, Usage())))
        names = list(islice((key for key in found if key > after), limit + 1))
        keys = [_key_usage(usage, month, key, found[key]) for key in names[:limit]]
        if len(names) > limit:
            return _uncached(UsageReport(month=month, keys=keys, next=names[limit - 1]))
        return _uncached(UsageReport(month=month, keys=keys))

    return routes


def _key_usage(usage: UsageRecorder, month: str, name: str, used: Usage) -> KeyUsage:
    return KeyUsage(key=name, month=month, **used._asdict(), quota=usage.quota(name))


def _parameters() -> tuple[str, str, int]:
    """Month, name after which the page begins, and length of the page; raises InvalidRequest."""
    wrong = [InvalidParameter(name, "unknown parameter") for name in sorted(set(request.args) - _NAMES)[:1]]
    month, after, limit = (request.args.get(name, "") for name in ("month", "after", "limit"))
    if month and not _MONTH.fullmatch(month):
        wrong.append(InvalidParameter("month", "must be a month such as 2026-11"))
    if limit and not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_PAGE):
        wrong.append(InvalidParameter("limit", f"must be a whole number from 1 to {MAX_PAGE}"))
    if wrong:
        raise InvalidRequest(*wrong)
    return month, after, int(limit or _DEFAULT_PAGE)


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
