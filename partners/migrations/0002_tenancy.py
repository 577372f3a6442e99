from django.db import migrations

from partners.schema import SEARCH_PATH, Key, definer_function, tenant_table

# Raises without a tenant: work that lost its tenant must fail, not succeed on no rows.
#
# Row security calls it for each row. As an expression that the planner can inline it costs a third
# of a call; as a scalar subquery it would cost nothing, but the planner would no longer know how
# many rows the tenant has. A bound body needs no search path, and pinned it could not be inlined.
#
# STABLE, never IMMUTABLE: a prepared statement would keep the first tenant forever.
CURRENT_PARTNER = f"""
CREATE FUNCTION app.refuse_without_tenant() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
{SEARCH_PATH} AS $body$
BEGIN
    RAISE EXCEPTION 'no tenant context' USING ERRCODE = '42501';
END $body$;
CREATE FUNCTION app.current_partner() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    nullif(current_setting('app.partner_id', true), ''), app.refuse_without_tenant()
)::uuid;
REVOKE ALL ON FUNCTION app.refuse_without_tenant, app.current_partner FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.refuse_without_tenant, app.current_partner
    TO portal_app, portal_search;
"""
NO_CURRENT_PARTNER = "DROP FUNCTION app.current_partner; DROP FUNCTION app.refuse_without_tenant"

# Nothing here needs a temporary table, and one could hide a table of ours. A database takes these
# rights over neither from its template nor from a dump; tools/bootstrap.sql revokes them as well.
NO_TEMPORARY_TABLES = """
DO $do$ BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC, portal_app',
        current_database());
END $do$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, portal_app;
"""

# The operator creates partners, as the owner. No cascade may start at this table: it has no row
# security, so it would run through the rows of all partners.
PARTNERS_ARE_READ = """
REVOKE INSERT, UPDATE, DELETE ON partners_partner FROM portal_app;
GRANT UPDATE (name) ON partners_partner TO portal_app;
"""
PARTNERS_ARE_WRITTEN = "GRANT INSERT, UPDATE, DELETE ON partners_partner TO portal_app"

# Only migrations write these. A row less in the first would make them run again.
LIBRARIES = (
    "django_migrations, django_content_type, auth_permission, auth_group, auth_group_permissions"
)

# As `createcachetable` makes it; allauth counts failed sign-ins here.
CACHE = """
CREATE TABLE portal_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX portal_cache_expires ON portal_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL(CURRENT_PARTNER, NO_CURRENT_PARTNER),
        migrations.RunSQL(NO_TEMPORARY_TABLES, migrations.RunSQL.noop),
        migrations.RunSQL(PARTNERS_ARE_READ, PARTNERS_ARE_WRITTEN),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {LIBRARIES} FROM portal_app",
            f"GRANT INSERT, UPDATE, DELETE ON {LIBRARIES} TO portal_app",
        ),
        migrations.RunSQL(CACHE, "DROP TABLE portal_cache"),
        tenant_table(
            "partners_invitation",
            Key("invitation_partner", "", "partners_partner", "NO ACTION"),
            search_reads="partner_id, token_hash",
        ),
        # The partner of an invitation's link, before there is a tenant.
        definer_function(
            "app.find_invitation(hash text) RETURNS uuid LANGUAGE sql STABLE",
            "SELECT partner_id FROM partners_invitation WHERE token_hash = hash",
        ),
    ]
