from django.db import migrations

from partners.schema import definer_function, trigger_function

# Only the triggers of assignments write the counter of seats: their function runs as portal_search,
# and portal_app cannot update that column.
COUNTER = """
GRANT UPDATE (assigned) ON licensing_subscription TO portal_search;
REVOKE UPDATE ON licensing_subscription FROM portal_app;
GRANT UPDATE (state, seats, renews_on) ON licensing_subscription TO portal_app;
"""
NO_COUNTER = """
REVOKE UPDATE (assigned) ON licensing_subscription FROM portal_search;
REVOKE UPDATE (state, seats, renews_on) ON licensing_subscription FROM portal_app;
GRANT UPDATE ON licensing_subscription TO portal_app;
"""

# Every change of assignments moves the counter of the subscription in the same transaction, and the
# CHECK of the counter refuses what does not fit. Subscriptions are locked in the order of their
# ids, so that two writers cannot wait for each other. The changed rows are added up once, in a
# materialized query: planned for one subscription, they would be added up again for each of many.
COUNT_SEATS = """
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
END
"""

REFUSE_COUNTED = """
BEGIN
    RAISE EXCEPTION 'a new % starts at zero and is counted by the database', TG_TABLE_NAME
        USING ERRCODE = '23514';
END
"""

# Only inserts and deletes are counted.
REFUSE_MOVED = """
BEGIN
    RAISE EXCEPTION 'a seat is taken back and given anew, never moved' USING ERRCODE = '23514';
END
"""

# Partners with users who wait for a seat that is free.
FREE_SEATS = """
    SELECT DISTINCT s.partner_id FROM licensing_subscription s
    WHERE s.state <> 'suspended' AND s.assigned < s.seats AND EXISTS (
        SELECT FROM licensing_waitingseat w WHERE w.subscription_id = s.id)
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0002_tenancy")]

    operations = [
        migrations.RunSQL(COUNTER, NO_COUNTER),
        trigger_function(
            "app.count_seats",
            COUNT_SEATS,
            "seats_given AFTER INSERT ON licensing_assignment REFERENCING NEW TABLE AS changed"
            " FOR EACH STATEMENT",
            "seats_freed AFTER DELETE ON licensing_assignment REFERENCING OLD TABLE AS changed"
            " FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        trigger_function(
            "app.refuse_counted",
            REFUSE_COUNTED,
            "starts_empty BEFORE INSERT ON licensing_subscription FOR EACH ROW"
            " WHEN (NEW.assigned <> 0)",
        ),
        trigger_function(
            "app.refuse_moved_seat",
            REFUSE_MOVED,
            "fixed BEFORE UPDATE OF partner_id, customer_id, subscription_id, user_id"
            " ON licensing_assignment FOR EACH ROW",
        ),
        definer_function(
            "app.find_partners_with_free_seats() RETURNS SETOF uuid LANGUAGE sql STABLE",
            FREE_SEATS,
        ),
    ]
