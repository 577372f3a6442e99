"""
The triggers that count users and that keep the record true about them.

One row per customer counts its users. It is also the first lock of every operation; the triggers
take it again, which costs nothing, or for the first time after raw SQL without it. In plpgsql each
statement sees what was committed before it began, so what is counted after the lock is right.

The changed rows are added up once, in a materialized query, and never joined: the planner takes
the rows of a statement for a few and would add up, or compare, again for each of many.
"""

from django.db import migrations

from partners.schema import trigger_function

COUNT_ADDED = """
BEGIN
    PERFORM 1 FROM customers_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    WITH c AS MATERIALIZED (
        SELECT partner_id, customer_id,
            count(*) FILTER (WHERE deleted_at IS NULL) AS active,
            count(deleted_at) AS deleted,
            count(*) FILTER (WHERE deleted_at IS NULL AND is_blocked) AS blocked
        FROM changed GROUP BY 1, 2
    )
    UPDATE customers_usercount u SET active = u.active + c.active, deleted = u.deleted + c.deleted,
            blocked = u.blocked + c.blocked, unlicensed = u.unlicensed + c.active
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END
"""

COUNT_CHANGED = """
BEGIN
    IF NOT EXISTS (
        SELECT id, deleted_at IS NULL, is_blocked FROM after
        EXCEPT SELECT id, deleted_at IS NULL, is_blocked FROM before
    ) THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM customers_usercount WHERE customer_id IN (SELECT customer_id FROM after)
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
    UPDATE customers_usercount u SET active = u.active + c.active, deleted = u.deleted - c.active,
            blocked = u.blocked + c.blocked, unlicensed = u.unlicensed + c.unlicensed
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END
"""

COUNT_PURGED = """
BEGIN
    IF EXISTS (SELECT FROM changed WHERE deleted_at IS NULL) THEN
        RAISE EXCEPTION 'an active user is deleted first, then purged' USING ERRCODE = '23514';
    END IF;
    PERFORM 1 FROM customers_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
        ORDER BY customer_id FOR NO KEY UPDATE;
    WITH c AS MATERIALIZED (
        SELECT partner_id, customer_id, count(*) AS deleted FROM changed GROUP BY 1, 2
    )
    UPDATE customers_usercount u SET deleted = u.deleted - c.deleted
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END
"""

# Each user is looked up by key: joined on "not deleted", a table that was not yet analyzed looked
# nearly empty to the planner, which then read all of it for every seat.
COUNT_LICENSED = """
BEGIN
    PERFORM 1 FROM customers_usercount WHERE customer_id IN (SELECT customer_id FROM changed)
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
    UPDATE customers_usercount u
        SET unlicensed = u.unlicensed + CASE TG_OP WHEN 'INSERT' THEN -c.users ELSE c.users END
        FROM c WHERE u.customer_id = c.customer_id AND u.partner_id = c.partner_id;
    RETURN NULL;
END
"""

# The only way for names to leave the record: the statement that deletes the users' own rows. A
# function that took ids could be given those of members, customers or products. For the same reason
# only events about users are changed, so a row with a borrowed id removes no other names.
FORGET = """
DECLARE
    partners uuid[];
    users uuid[];
BEGIN
    SELECT array_agg(partner_id ORDER BY id), array_agg(id ORDER BY id) INTO partners, users
        FROM purged;
    UPDATE audit_event e SET
        subject_name = 'sha256:' || encode(sha256(convert_to(e.subject_name, 'UTF8')), 'hex'),
        by_name = CASE WHEN e.by_name = e.subject_name THEN '' ELSE e.by_name END,
        -- The address of a user; that of a member stays.
        client = CASE WHEN e.by_id IS NULL THEN NULL ELSE e.client END,
        before = '{}', after = '{}'
    FROM unnest(partners, users) AS gone(partner_id, id)
    WHERE e.partner_id = gone.partner_id AND e.subject_id = gone.id
        AND e.subject_name NOT LIKE 'sha256:%' AND e.subject_id IS DISTINCT FROM e.batch_id
        AND (e.action LIKE 'user.%' OR e.action LIKE 'sheet.%');
    RETURN NULL;
END
"""

# The actor is a member of the partner, under the member's name and address. Without a member it is
# the portal, the reader of a one-time link, or the user that the event is about. STABLE makes the
# check see what the statement saw, so that a member may be renamed meanwhile.
CHECK_ACTORS = """
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT partner_id, by_id, by_name, by_email FROM added
            WHERE by_id IS NOT NULL) a
        WHERE NOT EXISTS (SELECT FROM partners_member m
            WHERE m.id = a.by_id AND m.partner_id = a.partner_id AND m.name = a.by_name
                AND m.email = a.by_email)
    ) THEN
        RAISE EXCEPTION 'an event names its member as the member is called'
            USING ERRCODE = '23514';
    END IF;
    IF EXISTS (
        SELECT FROM added a
        WHERE a.by_id IS NULL AND (a.by_email <> '' OR a.by_name NOT IN ('system', 'one-time link')
            AND NOT EXISTS (SELECT FROM users_customeruser u WHERE u.id = a.subject_id
                AND u.partner_id = a.partner_id AND u.user_name = a.by_name))
    ) THEN
        RAISE EXCEPTION 'an event without a member is by the portal or by its own user'
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0002_tenancy"),
        ("licensing", "0003_seats"),
        ("audit", "0002_append_only"),
    ]

    operations = [
        trigger_function(
            "app.count_added_users",
            COUNT_ADDED,
            "counts_added AFTER INSERT ON users_customeruser REFERENCING NEW TABLE AS changed"
            " FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        trigger_function(
            "app.count_changed_users",
            COUNT_CHANGED,
            "counts_changed AFTER UPDATE ON users_customeruser"
            " REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        trigger_function(
            "app.count_purged_users",
            COUNT_PURGED,
            "counts_purged AFTER DELETE ON users_customeruser REFERENCING OLD TABLE AS changed"
            " FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        # Triggers fire in the order of their names: the counter row is locked before licensing's
        # seats_given and seats_freed lock subscriptions.
        trigger_function(
            "app.count_licensed_users",
            COUNT_LICENSED,
            "counts_given AFTER INSERT ON licensing_assignment REFERENCING NEW TABLE AS changed"
            " FOR EACH STATEMENT",
            "counts_freed AFTER DELETE ON licensing_assignment REFERENCING OLD TABLE AS changed"
            " FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        trigger_function(
            "app.forget_purged_users",
            FORGET,
            "forgotten AFTER DELETE ON users_customeruser REFERENCING OLD TABLE AS purged"
            " FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        trigger_function(
            "app.check_actors",
            CHECK_ACTORS,
            "by_members AFTER INSERT ON audit_event REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT",
            volatility="STABLE",
        ),
    ]
