from django.db import migrations

# As in 0005, and partners some of whose users wait for what others in line would give back.
FIND = """
GRANT SELECT (gives_up) ON licensing_waitingseat TO portal_search;
SET LOCAL ROLE portal_search;
CREATE OR REPLACE FUNCTION app.find_partners_with_free_seats() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $body$
    SELECT s.partner_id FROM licensing_subscription s
        WHERE s.state <> 'suspended' AND s.assigned < s.seats AND EXISTS (
            SELECT FROM licensing_waitingseat w WHERE w.subscription_id = s.id)
    UNION
    (
        WITH swaps AS MATERIALIZED (
            SELECT DISTINCT partner_id, subscription_id, gives_up FROM licensing_waitingseat
            WHERE gives_up <> '{}'
        )
        SELECT w.partner_id FROM swaps w JOIN swaps o ON o.subscription_id = ANY(w.gives_up)
    )
$body$;
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0007_exchanges")]

    operations = [migrations.RunSQL(FIND, migrations.RunSQL.noop)]
