"""What a worker does with a job, called by a test in its place."""

from django.db import transaction

from batches.models import APPLY, Job
from batches.operations.lease import run_job


def run_chunk(*, batch_id, number):
    """Apply a chunk of a batch."""
    _run(kind=APPLY, batch=batch_id, number=number)


def check_upload(*, batch_id):
    """Do what a batch that is being checked waits for: its check, its repair or its plan."""
    _run(batch=batch_id, kind__in=["check", "repair", "undo"])


def split_file(*, upload_id):
    """Split a file with users of several customers."""
    _run(kind="split", subject=upload_id)


def _run(**job):
    with transaction.atomic():
        job_id = Job.objects.filter(**job).values_list("pk", flat=True).get()
    run_job(job_id=job_id)
