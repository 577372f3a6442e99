from django.db import migrations

# Rows that belonged to no customer are kept as parts of their bundle; beat's wipe finds these too.
GRANTS = """
GRANT SELECT (id, created_at) ON users_bundle TO portal_search;
GRANT SELECT (partner_id, bundle_id) ON users_bundlepart TO portal_search;
"""
WITHOUT_GRANTS = """
REVOKE SELECT (id, created_at) ON users_bundle FROM portal_search;
REVOKE SELECT (partner_id, bundle_id) ON users_bundlepart FROM portal_search;
"""

FUNCTION = """
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.find_partners_to_wipe() RETURNS SETOF uuid LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $body$
    SELECT partner_id FROM users_batch
        WHERE sheet_key <> '' AND sheet_expires_at < now()
    UNION
    SELECT u.partner_id FROM users_upload u JOIN users_batch b ON b.id = u.batch_id
        WHERE b.created_at < now() - interval '24 hours'
    {and_strays}
$body$;
RESET ROLE;
"""
STRAYS = """
    UNION
    SELECT p.partner_id FROM users_bundlepart p JOIN users_bundle b ON b.id = p.bundle_id
        WHERE b.state <> 'checking' AND b.created_at < now() - interval '30 days'
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0020_list_deleted")]

    operations = [
        migrations.RunSQL(GRANTS, WITHOUT_GRANTS),
        migrations.RunSQL(FUNCTION.format(and_strays=STRAYS), FUNCTION.format(and_strays="")),
    ]
