"""The Celery app: two queues, and beat."""

import os
import sys
from pathlib import Path

from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_init,
    heartbeat_sent,
    task_success,
    worker_init,
)
from django.core.exceptions import ImproperlyConfigured

from portal import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

broker.mend()

app = Celery("portal")
# By name, so that it is read when needed; Celery takes no function.
app.config_from_object("portal.settings:CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def refuse_to_start(**kwargs):
    """Check settings, and connect once: with a role that sees every partner nothing may start."""
    from django.db import connection

    from portal.checks import require_safe_settings

    try:
        require_safe_settings()
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        # Celery logs what its signals raise and goes on; only leaving stops it.
        sys.exit(str(error))
    connection.close()


@task_success.connect
def note_sweep(sender, **kwargs):
    """Keep when the last sweep was, for /health/."""
    if sender.name == "batches.sweep":
        broker.note_sweep()


@heartbeat_sent.connect
@after_task_publish.connect
def touch_alive_file(**kwargs):
    """
    Show the healthcheck of a container that this process goes on.

    A worker's heart beats every two seconds, and beat publishes a task every 15.
    """
    if path := os.environ.get("ALIVE_FILE"):
        Path(path).touch()
