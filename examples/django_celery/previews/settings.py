"""Settings of Django and Celery. The broker is a folder, so that the example needs no other service."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ.get("PREVIEWS_FOLDER", Path(__file__).parent.parent))
QUEUE = FOLDER / "queue"
QUEUE.mkdir(parents=True, exist_ok=True)

TINTYPE = os.environ.get("TINTYPE", "http://127.0.0.1:8000")
SECRET_KEY = os.environ.get("SECRET_KEY", "for the example only")
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "previews.urls"
INSTALLED_APPS = ["previews"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "previews.db"}}
USE_TZ = True

CELERY_BROKER_URL = "filesystem://"  # in production: redis://… or amqp://…
CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(QUEUE), "data_folder_out": str(QUEUE)}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
