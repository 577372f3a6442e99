from django.db import migrations

# Raises where no tenant is set: work that lost its tenant must fail, not succeed on nothing.
# STABLE, never IMMUTABLE: a prepared statement would keep the first tenant for ever.
CURRENT_PARTNER = """
CREATE FUNCTION app.current_partner() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $body$
DECLARE
    value text := current_setting('app.partner_id', true);
BEGIN
    IF value IS NULL OR value = '' THEN
        RAISE EXCEPTION 'no tenant context' USING ERRCODE = '42501';
    END IF;
    RETURN value::uuid;
END $body$;
GRANT EXECUTE ON FUNCTION app.current_partner() TO portal_app, portal_search;
"""

# Partners are made by the operator, as the owner. No cascade may start at this table: it carries
# no row-level security, so it would run through everybody's rows.
PARTNERS_READ_ONLY = """
REVOKE INSERT, UPDATE, DELETE ON partners_partner FROM portal_app;
GRANT UPDATE (name) ON partners_partner TO portal_app;
"""

# What `createcachetable` would make; allauth counts failed sign-ins here.
CACHE = """
CREATE TABLE portal_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX portal_cache_expires ON portal_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial")]

    operations = [
        migrations.RunSQL(CURRENT_PARTNER, "DROP FUNCTION app.current_partner()"),
        migrations.RunSQL(
            PARTNERS_READ_ONLY, "GRANT INSERT, UPDATE, DELETE ON partners_partner TO portal_app"
        ),
        migrations.RunSQL(CACHE, "DROP TABLE portal_cache"),
    ]
