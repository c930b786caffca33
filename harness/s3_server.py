"""moto's S3, one request at a time: its objects are not made for threads, and fail now and then when two meet.

``python s3_server.py PORT``.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import MotoRequestHandler  # type: ignore[attr-defined]
from werkzeug.serving import run_simple

_turn = threading.Lock()
_moto = DomainDispatcherApplication(create_backend_app)


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """moto, undisturbed."""
    with _turn:
        return list(_moto(environ, start_response))


if __name__ == "__main__":
    os.environ["MOTO_PORT"] = sys.argv[1]
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=MotoRequestHandler)
