from django.db import migrations

from partners.schema import composite_key, definer_function, own_rows_only


class Migration(migrations.Migration):
    dependencies = [("licensing", "0004_waiting_seat"), ("users", "0011_lower_names")]

    operations = [
        own_rows_only("licensing_waitingseat"),
        composite_key(
            "licensing_waitingseat",
            "waiting_seat_subscription_key",
            "partner_id, customer_id, subscription_id",
            "licensing_subscription",
            "CASCADE",
        ),
        composite_key(
            "licensing_waitingseat",
            "waiting_seat_user_key",
            "partner_id, customer_id, user_id",
            "users_customeruser",
            "CASCADE",
        ),
        migrations.RunSQL(
            "GRANT SELECT (partner_id, subscription_id) ON licensing_waitingseat TO portal_search;"
            "GRANT SELECT (id, partner_id, state, seats, assigned) ON licensing_subscription"
            " TO portal_search",
            "REVOKE ALL ON licensing_waitingseat, licensing_subscription FROM portal_search",
        ),
        # Beat's sweep: partners with somebody in line for a seat that is free.
        definer_function(
            "app.find_partners_with_free_seats() RETURNS SETOF uuid LANGUAGE sql STABLE",
            "app.find_partners_with_free_seats()",
            """
            SELECT DISTINCT s.partner_id FROM licensing_subscription s
            WHERE s.state <> 'suspended' AND s.assigned < s.seats AND EXISTS (
                SELECT FROM licensing_waitingseat w WHERE w.subscription_id = s.id)
            """,
        ),
    ]
