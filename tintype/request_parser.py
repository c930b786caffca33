"""Parses the parameters of a request into a ThumbnailRequest; reports every invalid parameter in one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import ValidationError

from tintype.computed_once import computed_once
from tintype.errors import InvalidParameter, InvalidRequest, TargetDenied
from tintype.model import Freshness, Verdict
from tintype.options import (
    INLINE_HTML_URL,
    CaptureRequest,
    OptionLimits,
    Options,
    accepts,
    accepts_json,
    is_body_only,
)
from tintype.options.combinations import ERROR_TYPE
from tintype.options.negotiation import Accepted, negotiate
from tintype.options.suggestions import hint_for
from tintype.urls import TargetPolicy, host_of

MAX_PARAMETERS = 64
"""Query parameters or JSON members of one request, unknown and repeated ones included."""
MAX_QUOTED = 60
"""Characters of a client's value or name that an error repeats."""
MAX_SUGGESTIONS = 4
"""Unknown names of one request for which an error suggests an option: each search costs about 0.2 ms."""
_CUT_URL = "an & inside url must be written %26"
_LIST = "GET /openapi.json lists the options"

Pairs = list[tuple[str, Any]]
"""Names and values as the client wrote them, repeated names included."""


@dataclass(frozen=True, kw_only=True)
class ThumbnailRequest:
    """A valid request: shot and rendition, maximum age of the thumbnail, and form of the answer."""

    capture_request: CaptureRequest
    freshness: Freshness
    negotiated: bool = False
    """The format was chosen by the Accept header."""
    placeholder: bool = False
    """Answer immediately, with a placeholder while the first capture runs."""
    fail_on: tuple[Verdict, ...] = ()
    """Verdicts that are answered with an error."""
    tags: tuple[str, ...] = ()
    """Tags of the cached thumbnail, for purges."""

    @computed_once
    def host(self) -> str:
        """The host of the target, for logs and file names."""
        return host_of(self.capture_request.shot.url)


class RequestParser:
    """Parses parameters under the operator's target policy and limits; ``max_ttl`` is in seconds."""

    def __init__(
        self, target_policy: TargetPolicy, freshness: Freshness, max_ttl: float, *, allow_js: bool = True
    ) -> None:
        self.target_policy = target_policy
        self._freshness = freshness
        self._limits = OptionLimits(max_ttl=int(max_ttl), allow_js=allow_js)

    def parse(self, pairs: Pairs, accepted: Accepted | None = None, *, from_body: bool = True) -> ThumbnailRequest:
        """Parse names and values. ``from_body`` allows the options that a URL must not carry.

        Raises InvalidRequest with every invalid parameter, or TargetDenied if nothing else is wrong.
        """
        values, invalid = _collect(pairs, from_body=from_body)
        url, denied = self._target(values, invalid)
        options = _validate({**values, "url": url}, self._limits, invalid)
        if invalid:
            raise InvalidRequest(*invalid, *([InvalidParameter("url", denied.detail)] if denied else []))
        if denied:
            raise denied
        return self._request(cast("Options", options), accepted or {})

    def _target(self, values: dict[str, Any], invalid: list[InvalidParameter]) -> tuple[str, TargetDenied | None]:
        """Take ``url`` out of the values and canonicalise it; inline HTML always has the same URL."""
        raw = values.pop("url", None)
        if "html" not in values:
            return self._canonicalize(raw, invalid)
        if raw is not None:
            invalid.append(InvalidParameter("html", "cannot be combined with url: send one of them"))
        if self.target_policy.allow_hosts:
            invalid.append(InvalidParameter("html", "is disabled on this server: only certain hosts are allowed"))
        return INLINE_HTML_URL, None

    def _canonicalize(self, raw: Any, invalid: list[InvalidParameter]) -> tuple[str, TargetDenied | None]:
        if raw is None:
            if not any(each.parameter in {"url", "html"} for each in invalid):
                invalid.append(InvalidParameter("url", f"is required: {accepts('url')}"))
        elif not isinstance(raw, str) or not _is_text(raw):
            invalid.append(InvalidParameter("url", f"must be {accepts('url')}, not {_quote(raw)}"))
        else:
            try:
                return self.target_policy.canonicalize(raw), None
            except InvalidRequest as error:
                invalid.extend(error.invalid_parameters)
            except TargetDenied as error:
                return "", error
        return "", None

    def _request(self, options: Options, accepted: Accepted) -> ThumbnailRequest:
        negotiated = options.format == "auto"
        if negotiated:
            options = options.model_copy(update={"format": negotiate(accepted)})
        return ThumbnailRequest(
            capture_request=options.capture_request(),
            freshness=self._freshness_of(options),
            negotiated=negotiated,
            placeholder=options.placeholder,
            fail_on=options.fail_on,
            tags=options.tag,
        )

    def _freshness_of(self, options: Options) -> Freshness:
        """The maximum age of the answer; ``ttl=0`` forces a new capture as ``fresh`` does.

        ``ttl`` is an upper bound, so a stale thumbnail is no answer. The capture is kept for requests without ``ttl``.
        """
        usual = replace(self._freshness, forced=options.fresh or options.ttl == 0, kept_for=self._freshness.retention)
        if not options.ttl:
            return usual
        return replace(usual, max_age=float(options.ttl), stale_for=0, explicit=True)


_BODY_MEMBERS = {"webhook": "send it in the JSON body of POST /thumb, POST /persist or POST /jobs"}


def parse_leniently(pairs: Pairs, *, from_body: bool) -> Options:
    """The options that are valid by themselves, for drawing an error image; the target is left out."""
    values, _ = _collect(pairs, from_body=from_body)
    values["url"] = ""
    limits = OptionLimits(check_combinations=False)
    try:
        return Options.model_validate(values, context=limits)
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors(include_url=False)}
        valid = {name: value for name, value in values.items() if name not in wrong}
        return Options.model_validate(valid, context=limits)


def _collect(pairs: Pairs, *, from_body: bool) -> tuple[dict[str, Any], list[InvalidParameter]]:
    """Known options by name, and the parameters whose name or shape is wrong; raises InvalidRequest for too many."""
    if len(pairs) > MAX_PARAMETERS:
        raise too_many_parameters("body" if from_body else "query")
    values: dict[str, Any] = {}
    invalid: dict[str, InvalidParameter] = {}
    fallback = _CUT_URL if not from_body and _has_query(pairs) else _LIST
    for name, value in pairs:
        if name not in Options.model_fields:
            hint = _BODY_MEMBERS.get(name) or (hint_for(name[:MAX_QUOTED]) if len(invalid) < MAX_SUGGESTIONS else "")
            invalid[name] = InvalidParameter(_shorten(name), f"is not an option; {hint or fallback}")
        elif problem := _problem_with(name, value, values, from_body=from_body):
            invalid[name] = InvalidParameter(name, problem)
        else:
            values[name] = value
    return values, list(invalid.values())


def too_many_parameters(source: str) -> InvalidRequest:
    """The error for more than ``MAX_PARAMETERS`` in a ``source``: ``query`` or ``body``."""
    return InvalidRequest(InvalidParameter(source, f"must have at most {MAX_PARAMETERS} parameters"))


def _problem_with(name: str, value: Any, values: Mapping[str, Any], *, from_body: bool) -> str:
    """The error of an option before its value is validated; empty if it has none."""
    if is_body_only(name) and not from_body:
        return "is accepted only in the JSON body of a POST, because URLs end up in logs"
    if name in values:
        return f"is given more than once; give it once, as {accepts(name)}"
    if isinstance(value, list | dict) and not accepts_json(name):
        return f"must be {accepts(name)}, not a list or an object"
    return ""


def _validate(values: dict[str, Any], limits: OptionLimits, invalid: list[InvalidParameter]) -> Options | None:
    try:
        return Options.model_validate(values, context=limits)
    except ValidationError as error:
        items = error.errors(include_url=False)
        invalid.extend(_explain(item) for item in items)
        return None


def _explain(item: Mapping[str, Any]) -> InvalidParameter:
    """The error of a value. Values of body-only options are not quoted, because they may be credentials."""
    name, context = str(item["loc"][0]), item.get("ctx", {})
    if item["type"] == ERROR_TYPE:
        return InvalidParameter(name, context["reason"])
    if not is_body_only(name):
        return InvalidParameter(name, f"must be {accepts(name)}, not {_quote(item['input'])}")
    reason = f" ({context['error']})" if "error" in context else ""
    return InvalidParameter(name, f"must be {accepts(name)}{reason}")


def _has_query(pairs: Pairs) -> bool:
    """Whether the target has a query: then an unknown name may be a part of it."""
    return any(name == "url" and isinstance(value, str) and "?" in value for name, value in pairs)


def _quote(value: Any) -> str:
    """A value as an error repeats it. Only the beginning is formatted, because a value may have 1 MB."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return _shorten(repr(value[: MAX_QUOTED + 1]) if isinstance(value, str) else str(value))


def _shorten(text: str) -> str:
    """The beginning of a text, in which a question mark replaces every character that cannot be printed."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[: MAX_QUOTED + 1])
    return clean if len(clean) <= MAX_QUOTED else clean[: MAX_QUOTED - 1] + "…"


def _is_text(value: str) -> bool:
    """Whether a text can be encoded as UTF-8; JSON can contain lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
