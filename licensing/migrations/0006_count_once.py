from django.db import migrations

# As in 0003, but what has changed is added up once, whatever Postgres knows of the tables: where it
# took the subscriptions for one row, it added up anew for each of them.
ONCE = """
CREATE OR REPLACE FUNCTION app.count_seats() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM licensing_subscription
        WHERE id IN (SELECT subscription_id FROM changed) ORDER BY id FOR NO KEY UPDATE;
    WITH c AS MATERIALIZED (
        SELECT partner_id, subscription_id, count(*)::int AS seats FROM changed GROUP BY 1, 2
    )
    UPDATE licensing_subscription s
        SET assigned = s.assigned + CASE TG_OP WHEN 'INSERT' THEN c.seats ELSE -c.seats END
        FROM c WHERE s.id = c.subscription_id AND s.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0005_waiting_seat_tenancy")]

    operations = [migrations.RunSQL(ONCE, migrations.RunSQL.noop)]
