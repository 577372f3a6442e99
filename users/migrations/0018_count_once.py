from django.db import migrations

# As in 0003, 0010 and 0015, but what has changed is added up once, whatever Postgres knows of the
# tables: where it took the counters for one row, it added up anew for each of them.
ADDED = """
CREATE OR REPLACE FUNCTION app.count_added_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    WITH c AS MATERIALIZED (
        SELECT partner_id, customer_id,
            count(*) FILTER (WHERE deleted_at IS NULL) AS active,
            count(deleted_at) AS deleted,
            count(*) FILTER (WHERE deleted_at IS NULL AND is_blocked) AS blocked
        FROM changed GROUP BY 1, 2
    )
    UPDATE users_usercount u SET active = u.active + c.active, deleted = u.deleted + c.deleted,
            blocked = u.blocked + c.blocked, unlicensed = u.unlicensed + c.active
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""

CHANGED = """
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
    WITH c AS MATERIALIZED (
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
    )
    UPDATE users_usercount u SET active = u.active + c.active, deleted = u.deleted - c.active,
            blocked = u.blocked + c.blocked, unlicensed = u.unlicensed + c.unlicensed
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""

PURGED = """
CREATE OR REPLACE FUNCTION app.count_purged_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF EXISTS (SELECT FROM changed WHERE deleted_at IS NULL) THEN
        RAISE EXCEPTION 'an active user is deleted first, then purged' USING ERRCODE = '23514';
    END IF;
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    WITH c AS MATERIALIZED (
        SELECT partner_id, customer_id, count(*) AS deleted FROM changed GROUP BY 1, 2
    )
    UPDATE users_usercount u SET deleted = u.deleted - c.deleted
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""

LICENSED = """
CREATE OR REPLACE FUNCTION app.count_licensed_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    WITH c AS MATERIALIZED (
        SELECT t.partner_id, t.customer_id, count(*)::int AS users
        FROM (SELECT partner_id, customer_id, user_id, count(*) AS seats
              FROM changed GROUP BY 1, 2, 3) t
        WHERE (SELECT p.deleted_at IS NULL FROM users_customeruser p WHERE p.id = t.user_id)
            AND (SELECT count(*) FROM licensing_assignment a WHERE a.user_id = t.user_id)
                = CASE TG_OP WHEN 'INSERT' THEN t.seats ELSE 0 END
        GROUP BY 1, 2
    )
    UPDATE users_usercount u
        SET unlicensed = u.unlicensed + CASE TG_OP WHEN 'INSERT' THEN -c.users ELSE c.users END
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0017_line_trouble")]

    operations = [
        migrations.RunSQL(function, migrations.RunSQL.noop)
        for function in (ADDED, CHANGED, PURGED, LICENSED)
    ]
