"""moto's S3 server with one request at a time, because its objects are not thread-safe.

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

_lock = threading.Lock()
_moto = DomainDispatcherApplication(create_backend_app)


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Run moto's application under a lock."""
    with _lock:
        return list(_moto(environ, start_response))


if __name__ == "__main__":
    os.environ["MOTO_PORT"] = sys.argv[1]
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=MotoRequestHandler)
