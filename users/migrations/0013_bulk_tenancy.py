from django.db import migrations

from partners.schema import composite_key, own_rows_only

TABLES = ["users_bundle", "users_bundlepart", "users_importcolumn"]

GRANTS = """
GRANT SELECT (partner_id, state, enqueued_at) ON users_bundle TO portal_search;
"""

WITH_BUNDLES = """
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.find_partners_with_work() RETURNS SETOF uuid LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $body$
    SELECT partner_id FROM users_chunk WHERE state = 'pending'
        AND (enqueued_at IS NULL OR enqueued_at < now() - interval '60 seconds')
    UNION
    SELECT partner_id FROM users_handover WHERE state = 'queued'
        AND created_at < now() - interval '15 seconds'
    UNION
    SELECT partner_id FROM users_bundle WHERE state = 'checking'
        AND (enqueued_at IS NULL OR enqueued_at < now() - interval '60 seconds')
$body$;
RESET ROLE;
"""

WITHOUT_BUNDLES = """
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.find_partners_with_work() RETURNS SETOF uuid LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $body$
    SELECT partner_id FROM users_chunk WHERE state = 'pending'
        AND (enqueued_at IS NULL OR enqueued_at < now() - interval '60 seconds')
    UNION
    SELECT partner_id FROM users_handover WHERE state = 'queued'
        AND created_at < now() - interval '15 seconds'
$body$;
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0012_bulk")]

    operations = [
        *[own_rows_only(table) for table in TABLES],
        composite_key(
            "users_bundle", "bundle_by_key", "partner_id, by_id", "partners_member", "RESTRICT"
        ),
        composite_key(
            "users_bundlepart",
            "bundle_part_bundle_key",
            "partner_id, bundle_id",
            "users_bundle",
            "CASCADE",
        ),
        composite_key(
            "users_importcolumn",
            "import_column_customer_key",
            "partner_id, customer_id",
            "customers_customer",
            "CASCADE",
        ),
        migrations.RunSQL(GRANTS, "REVOKE ALL ON users_bundle FROM portal_search"),
        # A third question in a function that beat's sweep asks: files that wait to be cut.
        migrations.RunSQL(WITH_BUNDLES, WITHOUT_BUNDLES),
    ]
