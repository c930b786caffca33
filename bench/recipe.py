"""Baseline for hits, the common recipe: Flask, gunicorn, redis-py, flask-limiter and a hosted screenshot API.

``REDIS_URL=… gunicorn -w 4 recipe:app``. It follows the usual tutorials; only hits are measured.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.parse
import urllib.request

import redis
from flask import Flask, Response, abort, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

REDIS_URL = os.environ["REDIS_URL"]
DAY = 86_400
DEFAULTS = {"width": "1280", "height": "720", "format": "png", "block_ads": "true"}

app = Flask(__name__)
cache = redis.Redis.from_url(REDIS_URL)
counters = REDIS_URL.replace("unix://", "redis+unix://")
limiter = Limiter(get_remote_address, app=app, storage_uri=counters, headers_enabled=True)


def key_of(options: dict[str, str]) -> str:
    """Digest of all options."""
    return "thumb:" + hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:16]


def capture(options: dict[str, str]) -> bytes:
    """Capture through the hosted API."""
    api_request = urllib.request.Request(
        "https://api.snapsharp.dev/v1/screenshot?" + urllib.parse.urlencode(options),
        headers={"Authorization": f"Bearer {os.environ['SNAPSHARP_API_KEY']}"},
    )
    with urllib.request.urlopen(api_request, timeout=60) as api_response:
        return bytes(api_response.read())


@app.get("/thumb")
@limiter.limit(os.environ.get("THUMB_LIMIT", "30 per minute"))
def thumb() -> Response:
    options = {**DEFAULTS, **request.args.to_dict()}
    if not options.get("url", "").startswith(("http://", "https://")):
        abort(400)
    key = key_of(options)
    body, state = cache.get(key), "HIT"
    if body is None:
        body, state = capture(options), "MISS"
        cache.set(key, body, ex=DAY)
    response = Response(body, mimetype=f"image/{options['format']}")
    response.headers["X-Cache"] = state
    response.headers["Cache-Control"] = f"public, max-age={DAY}, stale-while-revalidate={7 * DAY}"
    response.add_etag()
    response.make_conditional(request)
    return response
