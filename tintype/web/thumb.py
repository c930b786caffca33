"""Routes ``GET /thumb``, ``POST /thumb`` (thumbnail of a page) and ``GET /meta`` (metadata of a page)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Response, request

from tintype.errors import TintypeError
from tintype.model import CacheState
from tintype.progress import followed_as
from tintype.request_parser import Pairs, RequestParser, ThumbnailRequest
from tintype.service import Terms, ThumbnailService
from tintype.service.charging import charged_to
from tintype.web import progress, raw_params, request_log, responses
from tintype.web.auth import Authenticator, Credential
from tintype.web.fallback_images import FallbackImages
from tintype.web.fast_path import permit_of
from tintype.web.problems import COUNTED_KEY
from tintype.web.query_cache import QueryCache
from tintype.web.rate_limit import RateLimiter
from tintype.web.request_body import BodyReader
from tintype.web.sending import BUFFERED_BYTES, ResponseSender
from tintype.web.webhooks.single_page import SinglePageSubmitter, has_webhook

_FROM_CACHE = (CacheState.HIT, CacheState.STALE)


@dataclass(frozen=True, slots=True)
class ThumbnailView:
    """Authorises, parses and answers requests for thumbnails."""

    service: ThumbnailService
    authenticator: Authenticator
    rate_limiter: RateLimiter
    parser: RequestParser
    body_reader: BodyReader
    sender: ResponseSender
    query_cache: QueryCache
    images: FallbackImages
    submitter: SinglePageSubmitter
    clock: Callable[[], float]

    def respond_to_query(self, *, cache_query: bool = False, **fixed: str) -> Response:
        """Answer a GET; ``fixed`` are options of the route. ``cache_query`` lets the fast path answer it next time."""
        pairs = partial(raw_params.option_pairs, request, **fixed)
        return self._respond(pairs, from_body=False, cache_query=cache_query)

    def respond_to_body(self) -> Response:
        """Answer a POST; its body is read within a deadline."""
        pairs = partial(raw_params.body_pairs, request, self.body_reader)
        return self._respond(pairs, from_body=True)

    def _respond(self, read_pairs: Callable[[], Pairs], *, from_body: bool, cache_query: bool = False) -> Response:
        """Check the client, count the request, and only then report what is wrong with it."""
        credential = self.authenticator.authenticate(request)
        self.rate_limiter.check_thumb(request, credential.key_name)
        request.environ[COUNTED_KEY] = True
        try:
            if from_body:
                read_pairs()
                if has_webhook(request):
                    self.rate_limiter.check_thumb_result(request, credential.key_name, hit=False)
                    return self.submitter.submit(request, credential, stores=False)
                read_pairs = partial(raw_params.received_pairs, request)
            parsed = self.parser.parse(read_pairs(), raw_params.accepted_types(request), from_body=from_body)
        except TintypeError:
            self.rate_limiter.check_thumb_result(request, credential.key_name, hit=False)
            raise
        self.authenticator.check_host(credential, parsed.host)
        if not from_body and self._ignores_signature():
            return self._thumbnail(parsed, credential._replace(private=True), cache_query=False)
        return self._thumbnail(parsed, credential, cache_query=cache_query)

    def _ignores_signature(self) -> bool:
        """Whether the URL has a signature that this service does not check.

        The request is answered, because URLs that were signed must work when the operator opens the service. But any
        value of ``sig`` works then, and each would be another entry of a cache with URLs as keys.
        """
        return not self.authenticator.accepts_signatures and raw_params.has_signature(request)

    def _thumbnail(self, parsed: ThumbnailRequest, credential: Credential, *, cache_query: bool) -> Response:
        get = self.service.get_or_schedule if parsed.placeholder else self.service.get
        terms = Terms(
            permit=permit_of(request.environ),
            on_lookup=lambda hit: self._count(parsed, credential, hit=hit),
            charge=self.rate_limiter.charge_later("thumb", request, credential.key_name),
            tags=parsed.tags,
        )
        followed = followed_as(request.headers.get(progress.HEADER, ""))
        with followed, charged_to(self.authenticator.usage.capture_charge(credential.key_name)):
            result = get(parsed.capture_request, parsed.freshness, fail_on=parsed.fail_on, terms=terms)
        if result is None:
            request_log.bind(cache=CacheState.PLACEHOLDER)
            return responses.placeholder(parsed, self.images, permit_of(request.environ))
        request_log.bind(cache=result.cache, **{f"{step}_ms": round(ms, 1) for step, ms in result.timings.items()})
        is_small = len(result.thumbnail.body) <= BUFFERED_BYTES  # the fast path sends no streams
        if (
            cache_query and is_small and result.cache in _FROM_CACHE
        ):  # a query that was sent once only is not worth its memory
            self.query_cache.add(request.environ, parsed, credential)
        return self.sender.send(responses.thumbnail(result, parsed, credential, request, self.clock()), request)

    def _count(self, parsed: ThumbnailRequest, credential: Credential, *, hit: bool) -> None:
        self.rate_limiter.check_thumb_result(request, credential.key_name, hit=hit)
        request_log.bind(target=parsed.host)


def blueprint(view: ThumbnailView) -> Blueprint:
    """The routes."""
    routes = Blueprint("thumb", __name__)
    routes.after_request(responses.add_cors)

    @routes.get("/thumb")
    def thumb() -> Response:
        return view.respond_to_query(cache_query=True)

    @routes.post("/thumb")
    def post_thumb() -> Response:
        return view.respond_to_body()

    @routes.get("/meta")
    def meta() -> Response:
        return view.respond_to_query(format="json")

    return routes
