from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models
from django.db.models.functions import Now

from partners.schema import foreign_key, tenant_fields


class Migration(migrations.Migration):
    initial = True
    dependencies = [("partners", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                *tenant_fields(),
                ("slug", models.SlugField(max_length=60)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("sort_key", models.CharField(db_collation="C", editable=False, max_length=400)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("archived", "Archived")],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("location", models.CharField(max_length=2, verbose_name="usage location")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "Simplified Chinese")],
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "contact_name",
                    models.CharField(blank=True, max_length=120, verbose_name="contact"),
                ),
                (
                    "contact_email",
                    models.EmailField(blank=True, max_length=254, verbose_name="contact address"),
                ),
                (
                    "help_desk",
                    models.CharField(blank=True, max_length=50, verbose_name="help desk"),
                ),
                (
                    "password_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        validators=[MinValueValidator(1), MaxValueValidator(30)],
                        verbose_name="days a temporary password is valid",
                    ),
                ),
                (
                    "sheet_hours",
                    models.PositiveSmallIntegerField(
                        default=72,
                        validators=[MinValueValidator(1), MaxValueValidator(168)],
                        verbose_name="hours a sheet can be opened",
                    ),
                ),
                (
                    "may_mail_passwords",
                    models.BooleanField(
                        default=False, verbose_name="passwords may be emailed as text"
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        validators=[MinValueValidator(7), MaxValueValidator(365)],
                        verbose_name="days until a deleted user is purged",
                    ),
                ),
                ("notes", models.TextField(blank=True, verbose_name="notes")),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("partner", "id"), name="customer_partner_id"),
                    models.UniqueConstraint(fields=("partner", "slug"), name="customer_slug"),
                    models.CheckConstraint(
                        condition=models.Q(("password_days__range", (1, 30))),
                        name="customer_password_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sheet_hours__range", (1, 168))),
                        name="customer_sheet_hours",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("retention_days__range", (7, 365))),
                        name="customer_retention_days",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "sort_key", "id"], name="customer_list"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Domain",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("name", models.CharField(max_length=253, unique=True, verbose_name="domain")),
                ("is_verified", models.BooleanField(default=False, verbose_name="verified")),
                ("is_default", models.BooleanField(default=False, verbose_name="default")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("customer",),
                        name="domain_default",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "customer"], name="domain_customer"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Scope",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("member", foreign_key("partners.member", "scopes")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member", "customer"), name="scope_member_customer"
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "customer"], name="scope_customer"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserCount",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=models.CASCADE,
                        primary_key=True,
                        related_name="user_count",
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("partner", foreign_key("partners.partner", "+", models.PROTECT)),
                ("active", models.IntegerField(default=0)),
                ("deleted", models.IntegerField(default=0)),
                ("blocked", models.IntegerField(default=0)),
                ("unlicensed", models.IntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("active__gte", 0),
                            ("blocked__gte", 0),
                            ("deleted__gte", 0),
                            ("unlicensed__gte", 0),
                        ),
                        name="user_count_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CountDifference",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer")),
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
                ("found_at", models.DateTimeField(db_default=Now())),
            ],
        ),
    ]
