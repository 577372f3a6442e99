from django.db import migrations

from partners.schema import SEARCH_PATH

# All functions that there are so far, whichever app made them. The one that tells the tenant is left
# as it is: its body was bound to its objects when it was made, and pinned it could not be inlined.
PIN = f"""
DO $do$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT p.oid::regprocedure AS name, p.proowner::regrole AS owner
        FROM pg_proc p WHERE p.pronamespace = 'app'::regnamespace AND p.prosqlbody IS NULL
    LOOP
        EXECUTE format('SET LOCAL ROLE %s', one.owner);
        EXECUTE format('ALTER FUNCTION %s {SEARCH_PATH}', one.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one.name);
        RESET ROLE;
    END LOOP;
END $do$;
REVOKE ALL ON FUNCTION app.current_partner() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0028_forget_on_purge"),
        ("audit", "0006_true_events"),
        ("customers", "0002_tenancy"),
        ("licensing", "0009_kept_seats"),
        ("partners", "0005_no_temporary_tables"),
    ]

    operations = [migrations.RunSQL(PIN, migrations.RunSQL.noop)]
