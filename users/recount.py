"""Counting anew what triggers keep count of, and raising an alarm where the two differ."""

import logging

from django.db import connection, transaction

from customers.models import CountDifference, Customer, UserCount
from licensing.models import Assignment, Subscription
from partners.tenancy import require_current
from users.models import CustomerUser

log = logging.getLogger(__name__)

# One statement: it sees rows and counters as of one moment, whatever is written meanwhile.
COMPARE = f"""
    WITH kept AS (
        SELECT c.id AS customer_id, NULL::uuid AS subscription_id, c.id AS counted_for, n.*
        FROM {Customer._meta.db_table} c
            LEFT JOIN {UserCount._meta.db_table} u ON u.customer_id = c.id
            CROSS JOIN LATERAL (VALUES ('active', u.active), ('deleted', u.deleted),
                ('blocked', u.blocked), ('unlicensed', u.unlicensed)) AS n(counter, kept)
        UNION ALL
        SELECT customer_id, id, id, 'assigned', assigned FROM {Subscription._meta.db_table}
    ),
    counted AS (
        SELECT t.customer_id AS counted_for, n.*
        FROM (
            SELECT u.customer_id, count(*) FILTER (WHERE deleted_at IS NULL) AS active,
                count(deleted_at) AS deleted,
                count(*) FILTER (WHERE deleted_at IS NULL AND is_blocked) AS blocked,
                count(*) FILTER (WHERE deleted_at IS NULL AND h.user_id IS NULL) AS unlicensed
            FROM {CustomerUser._meta.db_table} u LEFT JOIN (
                SELECT DISTINCT user_id FROM {Assignment._meta.db_table}) h ON h.user_id = u.id
            GROUP BY 1
        ) t CROSS JOIN LATERAL (VALUES ('active', t.active), ('deleted', t.deleted),
            ('blocked', t.blocked), ('unlicensed', t.unlicensed)) AS n(counter, counted)
        UNION ALL
        SELECT subscription_id, 'assigned', count(*) FROM {Assignment._meta.db_table} GROUP BY 1
    )
    SELECT k.customer_id, k.subscription_id, k.counter, k.kept, coalesce(c.counted, 0)
    FROM kept k LEFT JOIN counted c USING (counted_for, counter)
    WHERE k.kept IS DISTINCT FROM coalesce(c.counted, 0)
    ORDER BY k.customer_id, k.subscription_id, k.counter
"""


@transaction.atomic
def recount() -> int:
    """
    Compare all of this tenant's kept counters with what they count; returns how many differ.

    They are put on the dashboard until a recount finds them equal, and in the log. Nothing is
    corrected: a wrong counter was written past the triggers, and the operator has to know.
    """
    with connection.cursor() as cursor:
        cursor.execute(COMPARE)
        rows = cursor.fetchall()
    names = ("customer_id", "subscription_id", "counter", "kept", "counted")
    found = [CountDifference(**dict(zip(names, row, strict=True))) for row in rows]
    CountDifference.objects.all().delete()
    CountDifference.objects.bulk_create(found)
    for one in found:
        log.error(
            "Counts do not match at partner %s, customer %s, subscription %s: %s is kept as %s and"
            " counted as %s.",
            require_current(), one.customer_id, one.subscription_id or "–", one.counter, one.kept,
            one.counted,
        )  # fmt: skip
    return len(found)
