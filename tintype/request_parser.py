"""What a caller asks for: options from names and values, every mistake at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from flask import Request
from pydantic import ValidationError
from werkzeug.datastructures import MIMEAccept

from tintype import signing
from tintype.errors import InvalidParameter, InvalidRequest, TargetDenied, TintypeError
from tintype.model import Freshness, Verdict
from tintype.options import (
    INLINE_HTML_URL,
    MAX_PIXELS,
    CaptureRequest,
    Credentials,
    FormatName,
    Options,
    PdfOptions,
    accepts,
    accepts_json,
    is_body_only,
)
from tintype.service.seats import WaitingLimit
from tintype.urls import TargetPolicy, host_of
from tintype.web.raw_params import Pairs, body_pairs, query_pairs, received_pairs

MAX_QUOTED = 60
PREFERRED: tuple[FormatName, ...] = ("avif", "webp", "jpeg", "png")
_RETINA = 2.0
_PICTURES_ONLY = ("thumb_width", "thumb_height", "fit", "placeholder")
_PARTS = ("selector", "clip", "scroll_to", "omit_background")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbnailRequest:
    """A request that can be answered."""

    capture_request: CaptureRequest
    freshness: Freshness
    negotiated: bool = False
    """The format was chosen by the Accept header."""
    placeholder: bool = False
    """Whoever asks would rather see something at once than wait for the picture."""
    fail_on: tuple[Verdict, ...] = ()
    """Verdicts that are failures to whoever asks."""
    until: float = math.inf
    """Seconds since the epoch, when the address ends to be good."""
    private: bool = False
    """Shared caches must not keep the answer."""


class RequestParser:
    """Reads requests under the operator's rules and bounds; ``max_ttl`` is seconds, ``seats`` bound who still sends."""

    def __init__(
        self,
        rules: TargetPolicy,
        freshness: Freshness,
        max_ttl: float,
        *,
        allow_js: bool = True,
        seats: WaitingLimit | None = None,
    ) -> None:
        self._allow_js = allow_js
        self._seats = seats or WaitingLimit()
        self._rules = rules
        self._freshness = freshness
        self._max_ttl = int(max_ttl)

    def query(self, request: Request, **said: str) -> ThumbnailRequest | TintypeError:
        """What a query string asks for, or why it cannot be answered; ``said`` are options the route stands for."""
        try:
            asked = [pair for pair in query_pairs(request.query_string) if pair[0] not in signing.PARAMETERS]
            pairs = [*asked, *said.items()]
            return self.parse(pairs, request.accept_mimetypes, posted=False)
        except TintypeError as error:
            return error

    def posted(self, request: Request) -> ThumbnailRequest | TintypeError:
        """What a JSON body asks for, or why it cannot be answered."""
        try:
            return self.body(request)
        except TintypeError as error:
            return error

    def body(self, request: Request) -> ThumbnailRequest:
        """What a JSON body asks for; raises InvalidRequest, TargetDenied, UnsupportedMedia or Overloaded."""
        with self._seats.acquire():
            pairs = body_pairs(request)
        return self.parse(pairs, request.accept_mimetypes)

    def parse(self, pairs: Pairs, accept: MIMEAccept | None = None, *, posted: bool = True) -> ThumbnailRequest:
        """What names and values ask for; raises InvalidRequest with every mistake, or TargetDenied."""
        values, mistakes = _collect(pairs, posted=posted)
        url, refused = self._target(values, mistakes)
        options = _options({**values, "url": url}, mistakes)
        wanted = self._check_combinations(options, accept or MIMEAccept(), mistakes) if options else None
        if mistakes:
            raise InvalidRequest(*mistakes, *([InvalidParameter("url", refused.detail)] if refused else []))
        if refused:
            raise refused
        return cast("ThumbnailRequest", wanted)

    def _target(self, values: dict[str, Any], mistakes: list[InvalidParameter]) -> tuple[str, TargetDenied | None]:
        """The canonical address to photograph; that of a page that came as HTML is always the same."""
        raw = values.pop("url", None)
        if "html" not in values:
            return self._canonical(raw, mistakes)
        if raw is not None:
            mistakes.append(InvalidParameter("html", "takes the place of url: give one of them"))
        if self._rules.allow_hosts:
            mistakes.append(InvalidParameter("html", "is not taken here: only certain hosts are photographed"))
        return INLINE_HTML_URL, None

    def _canonical(self, raw: Any, mistakes: list[InvalidParameter]) -> tuple[str, TargetDenied | None]:
        if raw is None:
            if not any(mistake.parameter in {"url", "html"} for mistake in mistakes):
                mistakes.append(InvalidParameter("url", f"is needed: {accepts('url')}"))
        elif not isinstance(raw, str) or not _is_text(raw):
            mistakes.append(InvalidParameter("url", f"must be {accepts('url')}, not {_quote(raw)}"))
        else:
            try:
                return self._rules.canonicalize(raw), None
            except InvalidRequest as error:
                mistakes.extend(error.invalid_parameters)
            except TargetDenied as error:
                return "", error
        return "", None

    def _check_combinations(
        self, options: Options, accept: MIMEAccept, mistakes: list[InvalidParameter]
    ) -> ThumbnailRequest:
        """The request that options mean together, and what no single one of them can know to be wrong."""
        if options.ttl is not None and options.ttl > self._max_ttl:
            mistakes.append(InvalidParameter("ttl", f"must be a whole number from 0 to {self._max_ttl} seconds"))
        if options.retina and options.is_set("scale") and options.scale != _RETINA:
            mistakes.append(InvalidParameter("retina", "is short for scale=2: leave out one of retina and scale"))
        if options.js and not self._allow_js:
            mistakes.append(InvalidParameter("js", "is switched off here"))
        if options.clip and options.selector:
            mistakes.append(
                InvalidParameter("clip", "cannot be combined with selector: each chooses what is photographed")
            )
        bounds = self._freshness_of(options)
        if options.placeholder and (bounds.forced or any(options.is_set(name) for name in Credentials.model_fields)):
            alone = "fresh=true, ttl=0, headers, cookies or basic_auth"
            mistakes.append(InvalidParameter("placeholder", f"cannot go with {alone}: nobody would fetch the picture"))
        mistakes.extend(_of_identity(options))
        mistakes.extend(_of_documents(options))
        negotiated = options.format == "auto"
        request = (_with_format(options, negotiate(accept)) if negotiated else options).capture_request()
        if _pixels(request) > MAX_PIXELS:
            limit = f"{MAX_PIXELS:,}".replace(",", " ")
            mistakes.append(
                InvalidParameter("scale", f"is too large: width × height × scale² may be at most {limit} pixels")
            )
        return ThumbnailRequest(
            capture_request=request,
            freshness=bounds,
            negotiated=negotiated,
            placeholder=options.placeholder,
            fail_on=options.fail_on,
        )

    def _freshness_of(self, options: Options) -> Freshness:
        """How old the answer may be; ``ttl=0`` insists on a new picture as ``fresh`` does."""
        forced = options.fresh or options.ttl == 0
        max_age = float(options.ttl) if options.ttl else self._freshness.max_age
        return replace(self._freshness, max_age=max_age, forced=forced)


def negotiate(accept: MIMEAccept) -> FormatName:
    """The best format a client names; avif before webp before jpeg before png where it does not care.

    A client that names none (``*/*``, ``image/*``) gets jpeg: everything shows it, and it is small.
    """
    named = {media.lower(): quality for media, quality in accept if quality > 0}
    offers = [(named[f"image/{name}"], -rank, name) for rank, name in enumerate(PREFERRED) if f"image/{name}" in named]
    return max(offers)[2] if offers else "jpeg"


def parse_leniently(request: Request) -> Options:
    """The options of a request that are right by themselves, for drawing an error into a picture."""
    posted = request.method == "POST"
    try:
        values, _ = _collect(received_pairs(request) if posted else query_pairs(request.query_string), posted=posted)
    except InvalidRequest:
        values = {}
    values["url"] = ""
    try:
        return Options.model_validate(values)
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors(include_url=False)}
        return Options.model_validate({name: value for name, value in values.items() if name not in wrong})


def _collect(pairs: Pairs, *, posted: bool) -> tuple[dict[str, Any], list[InvalidParameter]]:
    """Known options by name, with the mistakes in the names themselves."""
    values: dict[str, Any] = {}
    mistakes: dict[str, InvalidParameter] = {}
    for name, value in pairs:
        if name not in Options.model_fields:
            mistakes[name] = InvalidParameter(_short(name), _unknown(name))
        elif is_body_only(name) and not posted:
            mistakes[name] = InvalidParameter(
                name, "is taken in the JSON body of a POST only: addresses end up in logs"
            )
        elif name in values:
            mistakes[name] = InvalidParameter(name, f"is there more than once; give it once, as {accepts(name)}")
        elif isinstance(value, list | dict) and not accepts_json(name):
            mistakes[name] = InvalidParameter(name, f"must be {accepts(name)}, not a list or an object")
        else:
            values[name] = value
    return values, list(mistakes.values())


def _options(values: dict[str, Any], mistakes: list[InvalidParameter]) -> Options | None:
    try:
        return Options.model_validate(values)
    except ValidationError as error:
        items = error.errors(include_url=False)
        mistakes.extend(_explain(str(item["loc"][0]), item["input"], item.get("ctx", {})) for item in items)
        return None


def _explain(name: str, given: Any, context: Mapping[str, Any]) -> InvalidParameter:
    """What is wrong with a value. What may be a secret is not repeated; what we say of it holds nothing of it."""
    if not is_body_only(name):
        return InvalidParameter(name, f"must be {accepts(name)}, not {_quote(given)}")
    reason = f" ({context['error']})" if "error" in context else ""
    return InvalidParameter(name, f"must be {accepts(name)}{reason}")


def _of_documents(options: Options) -> Iterator[InvalidParameter]:
    """What says nothing beside a format: sheets are for a PDF, and sizes and parts for pictures."""
    idle = {"pdf": (*_PICTURES_ONLY, *_PARTS), "json": _PICTURES_ONLY}.get(options.format, ())
    yield from (
        InvalidParameter(name, f"does not apply to format={options.format}") for name in idle if options.is_set(name)
    )
    if options.format != "pdf":
        yield from (
            InvalidParameter(name, "applies to format=pdf only")
            for name in PdfOptions.model_fields
            if options.is_set(name)
        )


def _of_identity(options: Options) -> Iterator[InvalidParameter]:
    """What is sent in the caller's name needs an origin to be sent to."""
    if options.html:
        names = [name for name in Credentials.model_fields if options.is_set(name)]
        yield from (InvalidParameter(name, "has nowhere to go to with html") for name in names)
    elif options.url:
        host = host_of(options.url)
        if any(domain and not f".{host}".endswith(f".{domain}") for *_, domain in options.cookies):
            yield InvalidParameter("cookies", "are for another domain than that of url")


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name[:MAX_QUOTED], Options.model_fields, n=1)
    hint = f"did you mean {close[0]}?" if close else "an & inside url must be written %26"
    return f"is not an option; {hint}"


def _quote(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return _short(text)


def _short(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= MAX_QUOTED else clean[: MAX_QUOTED - 1] + "…"


def _is_text(value: str) -> bool:
    """Whether a text can be written as UTF-8; JSON can smuggle in lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _with_format(options: Options, name: FormatName) -> Options:
    return options.model_copy(update={"format": name})


def _pixels(request: CaptureRequest) -> float:
    seen = request.shot.emulation
    return seen.width * seen.height * seen.scale**2
