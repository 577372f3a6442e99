"""Uploaded files, and what is kept beside them and no longer."""

from django.db.models import Q

from users.models import Batch, LostRepair, Upload


def forget_file(of: Q) -> None:
    """Remove the files of these batches, with the repairs that no longer fit them."""
    batches = Batch.objects.filter(of)
    Upload.objects.filter(batch__in=batches).delete()
    LostRepair.objects.filter(batch__in=batches).delete()
