from django.db import migrations

# Whoever writes an assignment, by whatever path, moves the subscription's counter in the same
# transaction; the counter's CHECK refuses what would not fit. Subscriptions are locked in the
# order of their ids, so that two writers cannot wait for each other (security 4).
SEATS = """
CREATE FUNCTION app.count_seats() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM licensing_subscription
        WHERE id IN (SELECT subscription_id FROM changed) ORDER BY id FOR NO KEY UPDATE;
    UPDATE licensing_subscription s
        SET assigned = s.assigned + CASE TG_OP WHEN 'INSERT' THEN c.seats ELSE -c.seats END
        FROM (SELECT partner_id, subscription_id, count(*)::int AS seats
              FROM changed GROUP BY 1, 2) c
        WHERE s.id = c.subscription_id AND s.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
CREATE TRIGGER seats_given AFTER INSERT ON licensing_assignment
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.count_seats();
CREATE TRIGGER seats_freed AFTER DELETE ON licensing_assignment
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.count_seats();
"""

# The counters count inserts and deletes only, so a seat may not walk to somebody else.
FIXED = """
CREATE FUNCTION app.refuse_moved_seat() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'a seat is taken back and given anew, never moved' USING ERRCODE = '23514';
END $body$;
CREATE TRIGGER fixed BEFORE UPDATE OF partner_id, customer_id, subscription_id, user_id
    ON licensing_assignment FOR EACH ROW EXECUTE FUNCTION app.refuse_moved_seat();
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0002_tenancy")]

    operations = [
        migrations.RunSQL(
            SEATS,
            "DROP TRIGGER seats_given ON licensing_assignment;"
            "DROP TRIGGER seats_freed ON licensing_assignment; DROP FUNCTION app.count_seats()",
        ),
        migrations.RunSQL(
            FIXED,
            "DROP TRIGGER fixed ON licensing_assignment; DROP FUNCTION app.refuse_moved_seat()",
        ),
    ]
