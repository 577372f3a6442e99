from django.db import migrations

# As in 0003, but each user is looked up by key. Joined on "not deleted", a table that was not yet
# analyzed looked nearly empty to the planner, which then read all users of it for every seat.
BY_KEY = """
CREATE OR REPLACE FUNCTION app.count_licensed_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    UPDATE users_usercount u
        SET unlicensed = u.unlicensed + CASE TG_OP WHEN 'INSERT' THEN -c.users ELSE c.users END
        FROM (
            SELECT t.partner_id, t.customer_id, count(*)::int AS users
            FROM (SELECT partner_id, customer_id, user_id, count(*) AS seats
                  FROM changed GROUP BY 1, 2, 3) t
            WHERE (SELECT p.deleted_at IS NULL FROM users_customeruser p WHERE p.id = t.user_id)
                AND (SELECT count(*) FROM licensing_assignment a WHERE a.user_id = t.user_id)
                    = CASE TG_OP WHEN 'INSERT' THEN t.seats ELSE 0 END
            GROUP BY 1, 2
        ) c
        WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0009_forget")]

    operations = [migrations.RunSQL(BY_KEY, migrations.RunSQL.noop)]
