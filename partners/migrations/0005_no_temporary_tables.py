from django.db import migrations

# A temporary table could stand in the place of one of ours, and nothing here needs one. A database
# does not take these rights over from its template or from a dump; tools/bootstrap.sql revokes
# them as well.
REVOKE = """
DO $do$ BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC, portal_app',
        current_database());
END $do$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, portal_app;
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0004_inline_tenant")]

    operations = [migrations.RunSQL(REVOKE, migrations.RunSQL.noop)]
