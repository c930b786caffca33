"""Django with Celery: a view queues a task, and a Celery worker stores the thumbnail by Tintype.

pip install django celery requests
python manage.py migrate --run-syncdb
celery -A previews worker --pool solo          # beside the next one
TINTYPE=http://127.0.0.1:8000 python manage.py runserver 9000
curl -d url=https://example.com/ http://127.0.0.1:9000/previews/
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "previews.settings")
    execute_from_command_line(sys.argv)
