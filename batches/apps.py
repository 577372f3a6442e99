from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "batches"

    def ready(self):
        from batches.models import APPLY
        from batches.operations import run
        from batches.operations.lease import register_work

        register_work(APPLY, run.apply_chunk, run.apply_lines, attempts=1)
