from django.db import migrations

# Row security asks whose row it is for each row that it reads or writes. As an expression that the
# planner can put in its place it costs a third of a call; as a scalar subquery it would cost
# nothing, but the planner would no longer know how many rows the tenant has.
INLINE = """
CREATE FUNCTION app.refuse_without_tenant() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $body$
BEGIN
    RAISE EXCEPTION 'no tenant context' USING ERRCODE = '42501';
END $body$;
GRANT EXECUTE ON FUNCTION app.refuse_without_tenant() TO portal_app, portal_search;

CREATE OR REPLACE FUNCTION app.current_partner() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    nullif(current_setting('app.partner_id', true), ''), app.refuse_without_tenant()
)::uuid;
"""

CALL = """
CREATE OR REPLACE FUNCTION app.current_partner() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $body$
DECLARE
    value text := current_setting('app.partner_id', true);
BEGIN
    IF value IS NULL OR value = '' THEN
        RAISE EXCEPTION 'no tenant context' USING ERRCODE = '42501';
    END IF;
    RETURN value::uuid;
END $body$;
DROP FUNCTION app.refuse_without_tenant();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0003_invitation")]

    operations = [migrations.RunSQL(INLINE, CALL)]
