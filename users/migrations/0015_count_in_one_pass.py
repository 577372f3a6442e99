from django.db import migrations

# As in 0003, but what was and what is are never joined: the planner takes the rows of a statement
# for a few and compared each with each, so that a reset of 5,000 passwords took eight seconds, and
# one statement over 100,000 users would have taken an hour. A set difference and a sum look at
# each row once, however many there are and whatever plan the session keeps.
IN_ONE_PASS = """
CREATE OR REPLACE FUNCTION app.count_changed_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NOT EXISTS (
        SELECT id, deleted_at IS NULL, is_blocked FROM after
        EXCEPT SELECT id, deleted_at IS NULL, is_blocked FROM before
    ) THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM after)
        ORDER BY customer_id FOR NO KEY UPDATE;
    UPDATE users_usercount u SET active = u.active + c.active, deleted = u.deleted - c.active,
            blocked = u.blocked + c.blocked, unlicensed = u.unlicensed + c.unlicensed
        FROM (
            SELECT partner_id, customer_id, sum(active) AS active, sum(blocked) AS blocked,
                COALESCE(sum(active) FILTER (WHERE active <> 0 AND NOT EXISTS (
                    SELECT FROM licensing_assignment s WHERE s.user_id = d.id)), 0) AS unlicensed
            FROM (
                SELECT id, partner_id, customer_id, sum(active) AS active, sum(blocked) AS blocked
                FROM (
                    SELECT id, partner_id, customer_id, (deleted_at IS NULL)::int AS active,
                        (deleted_at IS NULL AND is_blocked)::int AS blocked FROM after
                    UNION ALL
                    SELECT id, partner_id, customer_id, -(deleted_at IS NULL)::int,
                        -(deleted_at IS NULL AND is_blocked)::int FROM before
                ) r GROUP BY 1, 2, 3
            ) d GROUP BY 1, 2
        ) c
        WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0014_left_out")]

    operations = [migrations.RunSQL(IN_ONE_PASS, migrations.RunSQL.noop)]
