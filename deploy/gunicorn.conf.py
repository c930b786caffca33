# ruff: noqa: INP001 - a configuration file, not a module of a package
"""Settings of gunicorn for Tintype: ``gunicorn -c deploy/gunicorn.conf.py 'tintype.web:create_app()'``."""

import os

from tintype.cores import available_cores

bind = "127.0.0.1:8000"
workers = available_cores()
worker_class = "gthread"
threads = int(os.environ.setdefault("TINTYPE_THREADS", "16"))

# Connections of a worker, as under tintype serve.
worker_connections = 512
# Seconds that an idle connection stays open: longer than nginx's keepalive_timeout of 25 s.
keepalive = 30
# Longer than a capture and its time in the queue.
timeout = 120
# Seconds for requests in progress at SIGTERM.
graceful_timeout = 35

# Bytes of the request line (gunicorn's maximum), number of fields and bytes of each: 400 beyond.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
