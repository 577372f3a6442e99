from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models.functions import Now

from partners.schema import foreign_key, tenant_fields


class Migration(migrations.Migration):
    initial = True
    dependencies = [("users", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[
                *tenant_fields(),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("part_number", models.CharField(max_length=60, verbose_name="part number")),
                (
                    "description",
                    models.CharField(blank=True, max_length=240, verbose_name="description"),
                ),
                (
                    "not_sold_in",
                    ArrayField(
                        base_field=models.CharField(max_length=2),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("partner", "id"), name="product_partner_id"),
                    models.UniqueConstraint(
                        fields=("partner", "part_number"), name="product_part_number"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ServicePlan",
            fields=[
                *tenant_fields(),
                ("product", foreign_key("licensing.product", "plans")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["partner", "product"], name="plan_product"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProductRule",
            fields=[
                *tenant_fields(),
                ("product", foreign_key("licensing.product", "rules")),
                (
                    "kind",
                    models.CharField(
                        choices=[("requires", "requires"), ("excludes", "excludes")], max_length=10
                    ),
                ),
                ("other", foreign_key("licensing.product")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("product", "kind", "other"), name="rule_once"),
                    models.CheckConstraint(
                        condition=models.Q(("product", models.F("other")), _negated=True),
                        name="rule_of_two",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "product"], name="rule_product"),
                    models.Index(fields=["partner", "other"], name="rule_other"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("product", foreign_key("licensing.product", "subscriptions", models.PROTECT)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("grace", "Grace period"),
                            ("suspended", "Suspended"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("seats", models.PositiveIntegerField(verbose_name="seats")),
                ("assigned", models.IntegerField(db_default=0, default=0, editable=False)),
                ("renews_on", models.DateField(blank=True, null=True, verbose_name="renews on")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "customer", "id"), name="subscription_customer_id"
                    ),
                    models.UniqueConstraint(
                        fields=("customer", "product"), name="subscription_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("assigned__gte", 0), ("assigned__lte", models.F("seats"))
                        ),
                        name="subscription_seats",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "product"], name="subscription_product"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("subscription", foreign_key("licensing.subscription", "assignments")),
                ("user", foreign_key("users.customeruser", "assignments")),
                (
                    "disabled_plans",
                    ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                ("cause", models.UUIDField(null=True)),
                ("assigned_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "subscription"), name="assignment_once"
                    ),
                ],
                "indexes": [
                    models.Index(fields=["subscription", "user"], name="assignment_holders"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WaitingSeat",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("subscription", foreign_key("licensing.subscription", "waiting")),
                ("user", foreign_key("users.customeruser", "waiting_seats")),
                (
                    "disabled_plans",
                    ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                ("gives_up", ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ("cause", models.UUIDField(null=True)),
                ("waiting_since", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "subscription"), name="waiting_seat_once"
                    ),
                ],
                "indexes": [
                    models.Index(fields=["subscription", "id"], name="waiting_seat_line"),
                ],
            },
        ),
    ]
