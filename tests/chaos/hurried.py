"""The portal's Celery with a sweep every second, so that tests need not wait for fifteen."""

from portal.celery import app

app.conf.beat_schedule = {
    name: {"task": f"{name}.sweep", "schedule": 1.0} for name in ("batches", "handover", "users")
}
