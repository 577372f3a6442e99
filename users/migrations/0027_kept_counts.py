from django.db import migrations

from partners.schema import SEARCH_PATH

FUNCTIONS = (
    "app.start_counting()",
    "app.count_added_users()",
    "app.count_changed_users()",
    "app.count_purged_users()",
    "app.count_licensed_users()",
)

# As for seats in licensing.0009. portal_app still has to lock the rows, which takes the right to
# update some column: row security lets it set the partner to the one that it is.
GRANTS = """
GRANT SELECT, INSERT, UPDATE (active, deleted, blocked, unlicensed) ON users_usercount
    TO portal_search;
GRANT SELECT (id, deleted_at) ON users_customeruser TO portal_search;
GRANT SELECT (user_id) ON licensing_assignment TO portal_search;
REVOKE INSERT, UPDATE, DELETE ON users_usercount FROM portal_app;
GRANT UPDATE (partner_id) ON users_usercount TO portal_app;
"""
NO_GRANTS = """
REVOKE ALL ON users_usercount FROM portal_search;
GRANT INSERT, UPDATE, DELETE ON users_usercount TO portal_app;
"""

# The counters of two customers would have to change, and what is on record names the id.
FIXED = f"""
CREATE FUNCTION app.refuse_moved_user() RETURNS trigger LANGUAGE plpgsql {SEARCH_PATH} AS $body$
BEGIN
    RAISE EXCEPTION 'a user stays with the customer and keeps the id' USING ERRCODE = '23514';
END $body$;
CREATE TRIGGER fixed BEFORE UPDATE OF id, partner_id, customer_id ON users_customeruser
    FOR EACH ROW WHEN ((OLD.id, OLD.partner_id, OLD.customer_id)
        IS DISTINCT FROM (NEW.id, NEW.partner_id, NEW.customer_id))
    EXECUTE FUNCTION app.refuse_moved_user();
"""


def run_as_search(function: str) -> migrations.RunSQL:
    """Let the function write counters as portal_search."""
    return migrations.RunSQL(
        f"ALTER FUNCTION {function} SECURITY DEFINER {SEARCH_PATH};"
        f"ALTER FUNCTION {function} OWNER TO portal_search",
        f"ALTER FUNCTION {function} OWNER TO portal_owner;"
        f"ALTER FUNCTION {function} SECURITY INVOKER RESET search_path",
    )


class Migration(migrations.Migration):
    dependencies = [("users", "0026_search_filtered"), ("licensing", "0009_kept_seats")]

    operations = [
        migrations.RunSQL(GRANTS, NO_GRANTS),
        *map(run_as_search, FUNCTIONS),
        migrations.RunSQL(
            FIXED,
            "DROP TRIGGER fixed ON users_customeruser; DROP FUNCTION app.refuse_moved_user()",
        ),
    ]
