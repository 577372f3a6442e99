from django.db import migrations

from partners.schema import Key, definer_function, tenant_table, trigger_function

# Otherwise the counters of two customers would have to change, and the record names the id.
REFUSE_MOVED = """
BEGIN
    RAISE EXCEPTION 'a user stays with the customer and keeps the id' USING ERRCODE = '23514';
END
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0001_initial"), ("customers", "0002_tenancy")]

    operations = [
        tenant_table(
            "users_customeruser",
            Key("user_customer_key", "customer_id", "customers_customer"),
            search_reads="id, partner_id, customer_id, user_name, location, is_administrator,"
            " is_blocked, sort_key, search, password_state, added_at, deleted_at, purge_at,"
            " is_held",
        ),
        tenant_table(
            "users_usersession",
            Key("user_session_user_key", "customer_id, user_id", "users_customeruser"),
        ),
        tenant_table(
            "users_selection",
            Key("selection_customer_key", "customer_id", "customers_customer"),
            Key("selection_by_key", "by_id", "partners_member"),
        ),
        trigger_function(
            "app.refuse_moved_user",
            REFUSE_MOVED,
            "fixed BEFORE UPDATE OF id, partner_id, customer_id ON users_customeruser FOR EACH ROW"
            " WHEN ((OLD.id, OLD.partner_id, OLD.customer_id)"
            " IS DISTINCT FROM (NEW.id, NEW.partner_id, NEW.customer_id))",
        ),
        # Partners with deleted users that are due for the purge.
        definer_function(
            "app.find_partners_to_purge() RETURNS SETOF uuid LANGUAGE sql STABLE",
            "SELECT DISTINCT partner_id FROM users_customeruser"
            " WHERE deleted_at IS NOT NULL AND purge_at <= now()",
        ),
    ]
