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

broker.install()

app = Celery("portal")
# By name, so that it is read lazily.
app.config_from_object("portal.settings:CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def refuse_to_start(**kwargs):
    """Check settings, and connect once: a role that sees every partner is refused."""
    from django.db import connection

    from portal.checks import require_safe_settings

    try:
        require_safe_settings()
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        # Celery logs errors of its signals and goes on.
        sys.exit(str(error))
    connection.close()


@task_success.connect
def note_sweep(sender, **kwargs):
    """Keep the time of the last sweep for /health/."""
    if sender.name == "batches.sweep":
        broker.note_sweep()


@heartbeat_sent.connect
@after_task_publish.connect
def touch_alive_file(**kwargs):
    """
    Touch the file that the healthcheck of a container looks at.

    A worker sends a heartbeat every two seconds, and beat publishes a task every 15.
    """
    if path := os.environ.get("ALIVE_FILE"):
        Path(path).touch()
