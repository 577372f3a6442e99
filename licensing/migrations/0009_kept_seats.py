from django.db import migrations

from partners.schema import SEARCH_PATH

# Only the triggers of assignments write the counter of seats: their function runs as portal_search,
# which may update that one column, and portal_app may not. To change the function, act as its owner.
KEPT = f"""
GRANT SELECT (id, partner_id, assigned), UPDATE (assigned) ON licensing_subscription
    TO portal_search;
ALTER FUNCTION app.count_seats() SECURITY DEFINER {SEARCH_PATH};
ALTER FUNCTION app.count_seats() OWNER TO portal_search;

REVOKE UPDATE ON licensing_subscription FROM portal_app;
GRANT UPDATE (state, seats, renews_on) ON licensing_subscription TO portal_app;

CREATE FUNCTION app.refuse_counted() RETURNS trigger LANGUAGE plpgsql {SEARCH_PATH} AS $body$
BEGIN
    RAISE EXCEPTION 'a new % starts at zero and is counted by the database', TG_TABLE_NAME
        USING ERRCODE = '23514';
END $body$;
CREATE TRIGGER starts_empty BEFORE INSERT ON licensing_subscription
    FOR EACH ROW WHEN (NEW.assigned <> 0) EXECUTE FUNCTION app.refuse_counted();
"""
WRITTEN = """
DROP TRIGGER starts_empty ON licensing_subscription;
DROP FUNCTION app.refuse_counted();
GRANT UPDATE ON licensing_subscription TO portal_app;
ALTER FUNCTION app.count_seats() OWNER TO portal_owner;
ALTER FUNCTION app.count_seats() SECURITY INVOKER RESET search_path;
REVOKE UPDATE (assigned) ON licensing_subscription FROM portal_search;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0008_find_exchanges"),
        ("partners", "0005_no_temporary_tables"),
    ]

    operations = [migrations.RunSQL(KEPT, WRITTEN)]
