from django.db import migrations

from partners.schema import own_rows_only

# The app role may only insert and read; the trigger also stops the owner. TRUNCATE is stopped by
# the grant alone, because tests flush as the owner.
APPEND_ONLY = """
REVOKE UPDATE, DELETE ON audit_event FROM portal_app;
CREATE FUNCTION app.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = '42501';
END $body$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("partners", "0002_tenancy")]

    operations = [
        own_rows_only("audit_event"),
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER append_only ON audit_event; DROP FUNCTION app.refuse_change();"
            "GRANT UPDATE, DELETE ON audit_event TO portal_app",
        ),
    ]
