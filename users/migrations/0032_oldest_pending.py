from django.db import migrations

from partners.schema import definer_function

GRANT = "GRANT SELECT (started_at, halted_by) ON users_batch TO portal_search"
REVOKE = "REVOKE SELECT (started_at, halted_by) ON users_batch FROM portal_search"


class Migration(migrations.Migration):
    dependencies = [("users", "0031_wiped_rows")]

    operations = [
        migrations.RunSQL(GRANT, REVOKE),
        # For the probe of the portal's health, which knows no tenant. Jobs that a member has
        # stopped do not count.
        definer_function(
            "app.get_oldest_pending() RETURNS timestamptz LANGUAGE sql STABLE",
            "app.get_oldest_pending()",
            """
            SELECT min(coalesce(b.started_at, b.created_at))
            FROM (SELECT DISTINCT batch_id FROM users_chunk WHERE state = 'pending') c
            JOIN users_batch b ON b.id = c.batch_id
            WHERE b.halted_by <> 'member'
            """,
        ),
    ]
