from django.db import migrations

from partners.schema import composite_key, own_rows_only


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0001_initial"),
        ("customers", "0002_tenancy"),
        # The assignment's key needs the table of users.
        ("users", "0001_initial"),
    ]

    operations = [
        own_rows_only("licensing_product"),
        own_rows_only("licensing_serviceplan"),
        own_rows_only("licensing_productrule"),
        own_rows_only("licensing_subscription"),
        own_rows_only("licensing_assignment"),
        migrations.RunSQL(
            "ALTER TABLE licensing_product ADD CONSTRAINT product_partner"
            " FOREIGN KEY (partner_id) REFERENCES partners_partner (id)",
            "ALTER TABLE licensing_product DROP CONSTRAINT product_partner",
        ),
        composite_key(
            "licensing_serviceplan",
            "plan_product_key",
            "partner_id, product_id",
            "licensing_product",
            "CASCADE",
        ),
        composite_key(
            "licensing_productrule",
            "rule_product_key",
            "partner_id, product_id",
            "licensing_product",
            "CASCADE",
        ),
        composite_key(
            "licensing_productrule",
            "rule_other_key",
            "partner_id, other_id",
            "licensing_product",
            "CASCADE",
        ),
        composite_key(
            "licensing_subscription",
            "subscription_customer_key",
            "partner_id, customer_id",
            "customers_customer",
            "CASCADE",
        ),
        composite_key(
            "licensing_subscription",
            "subscription_product_key",
            "partner_id, product_id",
            "licensing_product",
            "RESTRICT",
        ),
        composite_key(
            "licensing_assignment",
            "assignment_subscription_key",
            "partner_id, customer_id, subscription_id",
            "licensing_subscription",
            "CASCADE",
        ),
        composite_key(
            "licensing_assignment",
            "assignment_user_key",
            "partner_id, customer_id, user_id",
            "users_customeruser",
            "CASCADE",
        ),
    ]
