"""Deletes expired rows of no partner."""

from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from partners.models import Tries
from partners.sessions import SessionStore


@transaction.atomic
def delete_old_rows() -> None:
    """Delete expired sessions of members, counted tries and entries of the cache."""
    SessionStore.clear_expired()
    Tries.objects.filter(expires_at__lte=timezone.now()).delete()
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(cache._table)
        cursor.execute(f"DELETE FROM {table} WHERE expires <= %s", [timezone.now()])
