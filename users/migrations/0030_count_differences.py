import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import partners.models
import partners.tenancy
from partners.schema import composite_key, own_rows_only


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0002_tenancy"),
        ("partners", "0005_no_temporary_tables"),
        ("users", "0029_pin_functions"),
    ]

    operations = [
        migrations.CreateModel(
            name="CountDifference",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=partners.models.UUIDv7(),
                        default=partners.tenancy.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "counter",
                    models.CharField(
                        choices=[
                            ("active", "Active users"),
                            ("deleted", "Deleted users"),
                            ("blocked", "Blocked users"),
                            ("unlicensed", "Users without a license"),
                            ("assigned", "Assigned seats"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subscription_id", models.UUIDField(null=True)),
                ("kept", models.IntegerField(null=True)),
                ("counted", models.IntegerField()),
                (
                    "found_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=partners.tenancy.require_current,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        own_rows_only("users_countdifference"),
        composite_key(
            "users_countdifference",
            "count_difference_customer_key",
            "partner_id, customer_id",
            "customers_customer",
            "CASCADE",
        ),
    ]
