from django.db import migrations

from partners.schema import Key, tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0001_initial"),
        ("customers", "0002_tenancy"),
        # Seats point at users: the one key that points up the floors.
        ("users", "0001_initial"),
    ]

    operations = [
        tenant_table(
            "licensing_product", Key("product_partner", "", "partners_partner", "NO ACTION")
        ),
        tenant_table(
            "licensing_serviceplan", Key("plan_product_key", "product_id", "licensing_product")
        ),
        tenant_table(
            "licensing_productrule",
            Key("rule_product_key", "product_id", "licensing_product"),
            Key("rule_other_key", "other_id", "licensing_product"),
        ),
        tenant_table(
            "licensing_subscription",
            Key("subscription_customer_key", "customer_id", "customers_customer"),
            Key("subscription_product_key", "product_id", "licensing_product", "RESTRICT"),
            search_reads="id, partner_id, state, seats, assigned",
        ),
        tenant_table(
            "licensing_assignment",
            Key(
                "assignment_subscription_key",
                "customer_id, subscription_id",
                "licensing_subscription",
            ),
            Key("assignment_user_key", "customer_id, user_id", "users_customeruser"),
            search_reads="user_id, subscription_id",
        ),
        tenant_table(
            "licensing_waitingseat",
            Key(
                "waiting_seat_subscription_key",
                "customer_id, subscription_id",
                "licensing_subscription",
            ),
            Key("waiting_seat_user_key", "customer_id, user_id", "users_customeruser"),
            search_reads="partner_id, subscription_id, user_id",
        ),
    ]
