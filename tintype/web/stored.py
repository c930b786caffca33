"""Routes of operators: ``GET /stored`` lists stored objects, ``DELETE /stored`` and ``DELETE /stored/<key>`` delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Request, Response, jsonify, request

from tintype.errors import InvalidParameter, InvalidRequest, NotFound
from tintype.model import StoredEntry, is_storage_key
from tintype.service import ThumbnailService
from tintype.service.stored_objects import DEFAULT_LIMIT, MAX_LIMIT, StoredFilter
from tintype.service.stored_query import CONDITIONS, parse_conditions
from tintype.urls import TargetPolicy
from tintype.web import raw_params, responses
from tintype.web.auth import Authenticator
from tintype.web.bodies import JsonBody, StoredList, StoredObjectReport, StoredRemovalReport

PAGING = ("limit", "cursor")
_SWITCHES = {"": True, "1": True, "true": True, "0": False, "false": False}


def blueprint(
    service: ThumbnailService,
    authenticator: Authenticator,
    policy: TargetPolicy,
    base_url: Callable[[Request], str],
    *,
    serves_stored: bool,
) -> Blueprint:
    """The routes; ``base_url`` is the base of the URLs of objects, if this service serves them (``serves_stored``)."""
    routes = Blueprint("stored_admin", __name__)
    view = _StoredView(service, authenticator, policy, base_url)
    routes.add_url_rule("/stored", view_func=view.list_page, methods=["GET"])
    routes.add_url_rule("/stored", view_func=view.delete_matching, methods=["DELETE"])
    routes.add_url_rule("/stored/<path:key>", view_func=view.delete_one, methods=["DELETE"])
    if not serves_stored:
        routes.add_url_rule("/stored/<path:key>", view_func=_reject_read, methods=["GET"])
    return routes


def _reject_read(key: str) -> Response:
    """404 as for any unknown path, not 405: a method to delete does not make an object readable here."""
    raise NotFound(f"objects are read from the storage, not from this service; {key[:64]!r} is not served")


@dataclass(frozen=True, slots=True)
class _StoredView:
    service: ThumbnailService
    authenticator: Authenticator
    policy: TargetPolicy
    base_url: Callable[[Request], str]

    def list_page(self) -> Response:
        self.authenticator.require_admin(request)
        query, limit, cursor = _query(
            raw_params.named_texts(request, (*CONDITIONS, *PAGING)), self.policy, DEFAULT_LIMIT
        )
        with self.service.waiting_limit.acquire():
            page = self.service.stored.page(query, cursor, limit)
        return _uncached(StoredList.of(page, [self._report(entry) for entry in page.entries]))

    def delete_matching(self) -> Response:
        self.authenticator.require_admin(request)
        texts = raw_params.named_texts(request, (*CONDITIONS, *PAGING, "dry_run"))
        if not set(CONDITIONS) & texts.keys():
            names = ", ".join(CONDITIONS)
            message = f"must contain at least one of {names}; prefix=thumbs/ deletes everything"
            raise InvalidRequest(InvalidParameter("query", message))
        dry_run = _switch("dry_run", texts.pop("dry_run", "false"))
        query, limit, cursor = _query(texts, self.policy, MAX_LIMIT)
        with self.service.waiting_limit.acquire():
            removed = self.service.stored.delete_matching(query, cursor, limit, dry_run=dry_run)
        return _uncached(StoredRemovalReport.of(removed, dry_run=dry_run))

    def delete_one(self, key: str) -> Response:
        self.authenticator.require_admin(request)
        raw_params.named_texts(request, ())
        with self.service.waiting_limit.acquire():
            removed = self.service.stored.delete(key)
        if removed is None:
            raise NotFound("no thumbnail is stored under this key")
        return _uncached(StoredRemovalReport.of(removed, dry_run=False))

    def _report(self, entry: StoredEntry) -> StoredObjectReport:
        url = self.service.stored.url(entry.file.key)
        return StoredObjectReport.of(entry, responses.absolute_url(url, self.base_url(request)))


def _query(texts: Mapping[str, str], policy: TargetPolicy, default_limit: int) -> tuple[StoredFilter, int, str]:
    """Filter, limit and cursor of a request; raises InvalidRequest."""
    limit, cursor = texts.get("limit", str(default_limit)), texts.get("cursor", "")
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 1 <= int(limit) <= MAX_LIMIT):  # noqa: PLR2004
        raise InvalidRequest(InvalidParameter("limit", f"must be a whole number from 1 to {MAX_LIMIT}"))
    if cursor and not is_storage_key(cursor):
        raise InvalidRequest(InvalidParameter("cursor", "must be the member next of the previous response"))
    conditions = {name: text for name, text in texts.items() if name in CONDITIONS}
    return parse_conditions(conditions, policy), int(limit), cursor


def _switch(name: str, text: str) -> bool:
    if text.lower() not in _SWITCHES:
        raise InvalidRequest(InvalidParameter(name, "must be true, false, 1 or 0"))
    return _SWITCHES[text.lower()]


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
