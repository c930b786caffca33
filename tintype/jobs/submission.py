"""Parses a submitted job: every page becomes a valid request, or every mistake is reported with the page's index."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tintype.errors import MAX_LISTED, InvalidParameter, InvalidRequest, TargetDenied, TintypeError
from tintype.jobs.model import NewJob, NewPage, Sitemap
from tintype.jobs.sitemap_members import SITEMAP_MEMBERS, parse_sitemap
from tintype.model import digest_of
from tintype.request_parser import RequestParser
from tintype.urls import host_of
from tintype.webhooks.model import JOB_EVENTS, PAGE_EVENTS, Event, WebhookTarget
from tintype.webhooks.target import WebhookParser

MAX_NAME = 100
"""Characters of the name of a job."""
MAX_PAGES = 10_000
"""Pages of one job; the setting may lower it."""
MAX_OPTIONS = 16 << 20
"""Bytes of all different options of one job: a page with options of its own also has those of all pages."""
MEMBERS = ("pages", *SITEMAP_MEMBERS, "options", "store", "name", "webhook", "partial_ok")
NOT_ACCEPTED = ("headers", "cookies", "basic_auth", "html")
"""Options that a job does not accept, because it is stored."""
SITEMAP = "sitemap"
"""The member that marks the options of a sitemap; no option has this name."""
_ID_BYTES = 12
"""Random bytes of a job's id, so that clients cannot guess it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A parsed job, and the pages that were left out because they are invalid (``partial_ok``)."""

    job: NewJob
    skipped: tuple[InvalidParameter, ...] = ()


class SubmissionParser:
    """Parses the members of a job's JSON body; ``check_host`` raises HostNotAllowed for a host of another API key."""

    def __init__(
        self, parser: RequestParser, max_pages: int = MAX_PAGES, webhooks: WebhookParser | None = None
    ) -> None:
        self._parser, self._max_pages, self._webhooks = parser, max_pages, webhooks

    def parse(
        self,
        members: Mapping[str, Any],
        *,
        owner: str,
        check_host: Callable[[str], None],
        idempotency_key: str = "",
        base_url: str = "",
        default_events: Sequence[Event] = JOB_EVENTS,
    ) -> Submission:
        """The job of a JSON object; ``base_url`` is the base of links in its events, see :class:`WebhookParser`.

        Raises InvalidRequest with the first mistakes, TargetDenied or HostNotAllowed.
        """
        invalid = [*_unknown_members(members)]
        options = _member(members, "options", dict, {}, "must be an object of options for all pages", invalid)
        name = _name(members, invalid)
        stores, partial_ok = _switch(members, "store", True, invalid), _switch(members, "partial_ok", False, invalid)
        invalid += _wrong_options(options)
        webhook = self._webhook(members.get("webhook"), owner, base_url, default_events, invalid)
        sitemap = parse_sitemap(members, self._max_pages, invalid)
        raw_pages = () if "sitemap" in members else self._raw_pages(members, invalid)
        if invalid:
            raise InvalidRequest(*invalid)
        pages, mistakes = self._pages(raw_pages, options, check_host)
        pages += [self._sitemap_page(sitemap, options, check_host)] if sitemap else []
        if mistakes and not (partial_ok and pages):
            raise InvalidRequest(*mistakes)
        job = NewJob(
            id=f"job_{secrets.token_hex(_ID_BYTES)}",
            pages=pages,
            owner=owner,
            name=name,
            stores=stores,
            sitemap=replace(sitemap, url=pages[0].url) if sitemap else None,
            idempotency_key=idempotency_key,
            fingerprint=_fingerprint(members) if idempotency_key else "",
            webhook=webhook,
        )
        return Submission(job=job, skipped=tuple(mistakes[:MAX_LISTED]))

    def _webhook(
        self, value: Any, owner: str, base_url: str, default: Sequence[Event], invalid: list[InvalidParameter]
    ) -> WebhookTarget | None:
        if value is None:
            return None
        if self._webhooks is None:
            invalid.append(InvalidParameter("webhook", "is not accepted here"))
            return None
        try:
            return self._webhooks.parse(
                value, owner=owner, base_url=base_url, accepted=(*PAGE_EVENTS, *JOB_EVENTS), default=default
            )
        except InvalidRequest as error:
            invalid += error.invalid_parameters
        return None

    def _sitemap_page(self, sitemap: Sitemap, options: Mapping[str, Any], check_host: Callable[[str], None]) -> NewPage:
        """The sitemap as the only page, until a runner has read it; its URL and the options are valid."""
        try:
            parsed = self._parser.parse([*{**options, "url": sitemap.url}.items()])
        except InvalidRequest as error:
            wrong = error.invalid_parameters
            named = [("sitemap" if each.parameter == "url" else f"options.{each.parameter}", each) for each in wrong]
            raise InvalidRequest(*(InvalidParameter(name, each.message) for name, each in named)) from None
        url = parsed.capture_request.shot.url
        check_host(host_of(url))
        members = {"url": url, "include": sitemap.include, "exclude": sitemap.exclude, "max_pages": sitemap.max_pages}
        return NewPage(url=url, host=host_of(url), options=json.dumps({SITEMAP: members, "options": dict(options)}))

    def _raw_pages(self, members: Mapping[str, Any], invalid: list[InvalidParameter]) -> Sequence[Any]:
        pages = members.get("pages")
        if not isinstance(pages, list) or not pages:
            message = "is required, or sitemap: a list of URLs, or of objects with url and options"
            invalid.append(InvalidParameter("pages", message))
            return ()
        if len(pages) > self._max_pages:
            invalid.append(
                InvalidParameter("pages", f"must have at most {self._max_pages:,} entries; send several jobs")
            )
        return pages

    def _pages(
        self, raw_pages: Sequence[Any], options: Mapping[str, Any], check_host: Callable[[str], None]
    ) -> tuple[list[NewPage], list[InvalidParameter]]:
        pages: list[NewPage] = []
        mistakes: list[InvalidParameter] = []
        shared = json.dumps(options)
        are_valid, size = False, len(shared)
        for index, raw in enumerate(raw_pages):
            try:
                # The options of all pages are checked with the first URL; a URL alone cannot make them invalid.
                if isinstance(raw, str) and are_valid:
                    url, text = self._parser.target_policy.canonicalize(raw), shared
                else:
                    url, text = self._parse_page(raw, options, shared)
                    are_valid = are_valid or isinstance(raw, str)
                size += 0 if text is shared else len(text)
                check_host(host_of(url))
                pages.append(NewPage(url=url, host=host_of(url), options=text))
            except TintypeError as error:
                mistakes += _at_index(index, error)
            if size > MAX_OPTIONS:
                message = (
                    f"have more than {MAX_OPTIONS >> 20} MB of options, those of all repeated in each page with its own"
                )
                raise InvalidRequest(InvalidParameter("pages", f"{message}; send several jobs"))
        return pages, mistakes

    def _parse_page(self, raw: Any, options: Mapping[str, Any], shared: str) -> tuple[str, str]:
        """Canonical URL and options of a page, which was given as a URL or as an object."""
        if not isinstance(raw, str | dict):
            raise InvalidRequest(InvalidParameter("", "must be a URL or an object with url"))
        own = {"url": raw} if isinstance(raw, str) else raw
        if wrong := [_not_accepted(name) for name in NOT_ACCEPTED if name in own]:
            raise InvalidRequest(*wrong)
        merged = {**options, **own}
        parsed = self._parser.parse([*merged.items()])
        merged.pop("url")
        url = parsed.capture_request.shot.url
        return url, shared if isinstance(raw, str) else json.dumps(merged)


def _member(
    members: Mapping[str, Any], name: str, kind: type, default: Any, message: str, invalid: list[InvalidParameter]
) -> Any:
    value = members.get(name, default)
    if isinstance(value, kind):
        return value
    invalid.append(InvalidParameter(name, message))
    return default


def _switch(members: Mapping[str, Any], name: str, default: bool, invalid: list[InvalidParameter]) -> bool:
    value: bool = _member(members, name, bool, default, "must be true or false", invalid)
    return value


def _fingerprint(members: Mapping[str, Any]) -> str:
    return digest_of(json.dumps(dict(members), sort_keys=True).encode())


def _name(members: Mapping[str, Any], invalid: list[InvalidParameter]) -> str:
    message = f"must be a text of at most {MAX_NAME} characters"
    name: str = _member(members, "name", str, "", message, invalid)
    if len(name) > MAX_NAME:
        invalid.append(InvalidParameter("name", message))
    return name


def _unknown_members(members: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    for name in members:
        if name not in MEMBERS:
            message = f"is not a member of a job; use {', '.join(MEMBERS)}, and put options of captures into options"
            yield InvalidParameter(name[:64], message)


def _wrong_options(options: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    yield from (_not_accepted(f"options.{each}") for each in NOT_ACCEPTED if each in options)
    if "url" in options:
        yield InvalidParameter("options.url", "is not an option for all pages; put URLs into pages")


def _not_accepted(name: str) -> InvalidParameter:
    return InvalidParameter(name, "is not accepted in a job, because jobs are stored; request /thumb instead")


def _at_index(index: int, error: TintypeError) -> Iterator[InvalidParameter]:
    where = f"pages[{index}]"
    if not isinstance(error, InvalidRequest):
        name = "url" if isinstance(error, TargetDenied) else ""
        yield InvalidParameter(f"{where}.{name}".rstrip("."), error.detail)
        return
    for each in error.invalid_parameters:
        yield InvalidParameter(f"{where}.{each.parameter}".rstrip("."), each.message)
