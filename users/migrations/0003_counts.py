from django.db import migrations

# One row per customer counts its users, whoever writes them. It is also the first lock of every
# operation; the triggers take it again, which costs nothing, or for the first time where raw SQL
# came without. In plpgsql each statement sees what was committed before it began, so what is
# counted after the lock is true.
CREATED = """
CREATE FUNCTION app.start_counting() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO users_usercount (partner_id, customer_id, active, deleted, blocked, unlicensed)
        SELECT partner_id, id, 0, 0, 0, 0 FROM changed;
    RETURN NULL;
END $body$;
CREATE TRIGGER counts_start AFTER INSERT ON customers_customer
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.start_counting();
"""

ADDED = """
CREATE FUNCTION app.count_added_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    UPDATE users_usercount u SET active = u.active + c.active, deleted = u.deleted + c.deleted,
            blocked = u.blocked + c.blocked, unlicensed = u.unlicensed + c.active
        FROM (SELECT partner_id, customer_id,
                count(*) FILTER (WHERE deleted_at IS NULL) AS active,
                count(deleted_at) AS deleted,
                count(*) FILTER (WHERE deleted_at IS NULL AND is_blocked) AS blocked
              FROM changed GROUP BY 1, 2) c
        WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
CREATE TRIGGER counts_added AFTER INSERT ON users_customeruser
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.count_added_users();
"""

CHANGED = """
CREATE FUNCTION app.count_changed_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NOT EXISTS (
        SELECT FROM before b JOIN after a USING (id)
        WHERE (a.deleted_at IS NULL) <> (b.deleted_at IS NULL) OR a.is_blocked <> b.is_blocked
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
                SELECT a.id, a.partner_id, a.customer_id,
                    (a.deleted_at IS NULL)::int - (b.deleted_at IS NULL)::int AS active,
                    (a.deleted_at IS NULL AND a.is_blocked)::int
                    - (b.deleted_at IS NULL AND b.is_blocked)::int AS blocked
                FROM before b JOIN after a USING (id)
            ) d GROUP BY 1, 2
        ) c
        WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
CREATE TRIGGER counts_changed AFTER UPDATE ON users_customeruser
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION app.count_changed_users();
"""

# Only deleted users are purged; an active one never vanishes outright.
PURGED = """
CREATE FUNCTION app.count_purged_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF EXISTS (SELECT FROM changed WHERE deleted_at IS NULL) THEN
        RAISE EXCEPTION 'an active user is deleted first, then purged' USING ERRCODE = '23514';
    END IF;
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    UPDATE users_usercount u SET deleted = u.deleted - c.deleted
        FROM (SELECT partner_id, customer_id, count(*) AS deleted FROM changed GROUP BY 1, 2) c
        WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
CREATE TRIGGER counts_purged AFTER DELETE ON users_customeruser
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.count_purged_users();
"""

# Named so that they fire before licensing's seats_…: the counter row is locked first.
LICENSED = """
CREATE FUNCTION app.count_licensed_users() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM 1 FROM users_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    UPDATE users_usercount u
        SET unlicensed = u.unlicensed + CASE TG_OP WHEN 'INSERT' THEN -c.users ELSE c.users END
        FROM (
            SELECT t.partner_id, t.customer_id, count(*)::int AS users
            FROM (SELECT partner_id, customer_id, user_id, count(*) AS seats
                  FROM changed GROUP BY 1, 2, 3) t
            JOIN users_customeruser p ON p.id = t.user_id AND p.deleted_at IS NULL
            WHERE (SELECT count(*) FROM licensing_assignment a WHERE a.user_id = t.user_id)
                = CASE TG_OP WHEN 'INSERT' THEN t.seats ELSE 0 END
            GROUP BY 1, 2
        ) c
        WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END $body$;
CREATE TRIGGER counts_given AFTER INSERT ON licensing_assignment
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.count_licensed_users();
CREATE TRIGGER counts_freed AFTER DELETE ON licensing_assignment
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.count_licensed_users();
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0002_tenancy"), ("licensing", "0003_seats")]

    operations = [
        migrations.RunSQL(
            CREATED,
            "DROP TRIGGER counts_start ON customers_customer; DROP FUNCTION app.start_counting()",
        ),
        migrations.RunSQL(
            ADDED,
            "DROP TRIGGER counts_added ON users_customeruser;DROP FUNCTION app.count_added_users()",
        ),
        migrations.RunSQL(
            CHANGED,
            "DROP TRIGGER counts_changed ON users_customeruser;"
            "DROP FUNCTION app.count_changed_users()",
        ),
        migrations.RunSQL(
            PURGED,
            "DROP TRIGGER counts_purged ON users_customeruser;"
            "DROP FUNCTION app.count_purged_users()",
        ),
        migrations.RunSQL(
            LICENSED,
            "DROP TRIGGER counts_given ON licensing_assignment;"
            "DROP TRIGGER counts_freed ON licensing_assignment;"
            "DROP FUNCTION app.count_licensed_users()",
        ),
    ]
