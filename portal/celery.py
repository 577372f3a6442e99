"""The Celery app: two queues, and beat."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("portal.settings:CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def check_database_role(**kwargs):
    """Connect once: with a role that sees every partner this process must not start."""
    from django.db import connection

    connection.ensure_connection()
    connection.close()
