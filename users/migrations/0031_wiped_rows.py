from django.db import migrations, models

from partners.schema import SEARCH_PATH

GRANT = "GRANT SELECT (kind, rows_wiped_at) ON users_batch TO portal_search"

# As in 0021, and partners with imports whose rows have not been wiped yet, and are to be.
FUNCTION = """
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.find_partners_to_wipe() RETURNS SETOF uuid LANGUAGE sql STABLE
SECURITY DEFINER {path} AS $body$
    SELECT partner_id FROM users_batch
        WHERE sheet_key <> '' AND sheet_expires_at < now()
    UNION
    SELECT u.partner_id FROM users_upload u JOIN users_batch b ON b.id = u.batch_id
        WHERE b.created_at < now() - interval '24 hours'
    UNION
    SELECT p.partner_id FROM users_bundlepart p JOIN users_bundle b ON b.id = p.bundle_id
        WHERE b.state <> 'checking' AND b.created_at < now() - interval '30 days'
    {and_rows}
$body$;
RESET ROLE;
"""
ROWS = """
    UNION
    SELECT partner_id FROM users_batch WHERE kind = 'import' AND rows_wiped_at IS NULL
        AND (state = 'canceled' OR created_at < now() - interval '24 hours'
            AND state NOT IN ('running', 'paused'))
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0030_count_differences")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="rows_wiped_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("kind", "import"), ("rows_wiped_at", None)),
                fields=["created_at"],
                name="batch_with_rows",
            ),
        ),
        migrations.RunSQL(GRANT, migrations.RunSQL.noop),
        migrations.RunSQL(
            FUNCTION.format(path=SEARCH_PATH, and_rows=ROWS),
            FUNCTION.format(path=SEARCH_PATH, and_rows=""),
        ),
    ]
