from django.db import migrations

from partners.schema import definer_function

GRANTS = """
GRANT SELECT (partner_id, batch_id, number, state, enqueued_at) ON users_chunk TO portal_search;
GRANT SELECT (id, partner_id, total, sheet_key, sheet_expires_at, state, created_at)
    ON users_batch TO portal_search;
GRANT SELECT (partner_id, token_hash, state, batch_id, created_at) ON users_handover
    TO portal_search;
GRANT SELECT (partner_id, batch_id) ON users_upload TO portal_search;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0004_search")]

    operations = [
        migrations.RunSQL(
            GRANTS,
            "REVOKE ALL ON users_chunk, users_batch, users_handover, users_upload"
            " FROM portal_search",
        ),
        # Before a tenant is known: whose one-time link is this? The hash of its token is asked for.
        definer_function(
            "app.find_handover(hash text) RETURNS uuid LANGUAGE sql STABLE",
            "app.find_handover(text)",
            "SELECT h.partner_id FROM users_handover h WHERE h.token_hash = hash AND hash <> ''",
        ),
        # Beat's sweep: partners with chunks that nobody was told of for a minute, or mail waiting.
        definer_function(
            "app.find_partners_with_work() RETURNS SETOF uuid LANGUAGE sql STABLE",
            "app.find_partners_with_work()",
            """
            SELECT partner_id FROM users_chunk WHERE state = 'pending'
                AND (enqueued_at IS NULL OR enqueued_at < now() - interval '60 seconds')
            UNION
            SELECT partner_id FROM users_handover WHERE state = 'queued'
                AND created_at < now() - interval '15 seconds'
            """,
        ),
        # Beat's wipe: partners with secrets or uploaded files past their time.
        definer_function(
            "app.find_partners_to_wipe() RETURNS SETOF uuid LANGUAGE sql STABLE",
            "app.find_partners_to_wipe()",
            """
            SELECT partner_id FROM users_batch
                WHERE sheet_key <> '' AND sheet_expires_at < now()
            UNION
            SELECT u.partner_id FROM users_upload u JOIN users_batch b ON b.id = u.batch_id
                WHERE b.created_at < now() - interval '24 hours'
            """,
        ),
    ]
