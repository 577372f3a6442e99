from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.models.functions import Lower, Now

from partners.schema import foreign_key, tenant_fields


class Migration(migrations.Migration):
    initial = True
    dependencies = [("customers", "0001_initial"), ("partners", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="CustomerUser",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "users")),
                (
                    "user_name",
                    models.CharField(db_collation="C", max_length=254, verbose_name="user name"),
                ),
                (
                    "first_name",
                    models.CharField(blank=True, max_length=64, verbose_name="first name"),
                ),
                (
                    "last_name",
                    models.CharField(blank=True, max_length=64, verbose_name="last name"),
                ),
                ("display_name", models.CharField(max_length=120, verbose_name="display name")),
                (
                    "job_title",
                    models.CharField(blank=True, max_length=120, verbose_name="job title"),
                ),
                (
                    "department",
                    models.CharField(blank=True, max_length=120, verbose_name="department"),
                ),
                ("phone", models.CharField(blank=True, max_length=40, verbose_name="phone")),
                (
                    "contact_email",
                    models.EmailField(blank=True, max_length=254, verbose_name="contact address"),
                ),
                (
                    "location",
                    models.CharField(blank=True, max_length=2, verbose_name="usage location"),
                ),
                ("language", models.CharField(blank=True, max_length=10, verbose_name="language")),
                (
                    "permissions",
                    ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("global_administrator", "Global administrator"),
                                ("user_administrator", "User administrator"),
                                ("helpdesk_administrator", "Helpdesk administrator"),
                                ("license_administrator", "License administrator"),
                                ("billing_administrator", "Billing administrator"),
                                ("service_support_administrator", "Service support administrator"),
                            ],
                            max_length=40,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "is_administrator",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Func(
                            models.F("permissions"),
                            function="cardinality",
                            template="%(function)s(%(expressions)s) > 0",
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
                ("is_blocked", models.BooleanField(default=False, verbose_name="sign-in blocked")),
                ("sort_key", models.CharField(db_collation="C", editable=False, max_length=400)),
                ("search", models.TextField(editable=False)),
                ("password", models.CharField(blank=True, max_length=200)),
                (
                    "password_state",
                    models.CharField(
                        choices=[
                            ("none", "No password"),
                            ("temporary", "Temporary password not changed yet"),
                            ("chosen", "Password chosen by the user"),
                        ],
                        default="none",
                        max_length=10,
                    ),
                ),
                ("password_expires_at", models.DateTimeField(null=True)),
                ("password_batch", models.UUIDField(null=True)),
                ("locked_until", models.DateTimeField(null=True)),
                ("signed_in_at", models.DateTimeField(null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("added_at", models.DateTimeField(db_default=Now())),
                ("deleted_at", models.DateTimeField(null=True)),
                ("purge_at", models.DateTimeField(null=True)),
                (
                    "is_held",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="purge on hold"
                    ),
                ),
                ("deletion", models.UUIDField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "customer", "id"), name="user_customer_id"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("customer", "user_name"),
                        name="user_name_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("user_name", Lower("user_name"))),
                        name="user_name_lower",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("deleted_at", None), ("purge_at", None)),
                            models.Q(("deleted_at__isnull", False), ("purge_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="user_purge_at_with_deleted_at",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["customer", "sort_key", "id"],
                        name="user_list",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("is_blocked", True)),
                        fields=["customer", "sort_key", "id"],
                        name="user_list_blocked",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("is_administrator", True)),
                        fields=["customer", "sort_key", "id"],
                        name="user_list_administrators",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("location", "")),
                        fields=["customer", "sort_key", "id"],
                        include=("partner",),
                        name="user_list_without_location",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None)),
                        fields=["customer", "added_at", "id"],
                        name="user_list_added",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["customer", "deleted_at", "id"],
                        include=("partner",),
                        name="user_list_deleted",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["customer", "sort_key", "id"],
                        name="user_list_deleted_by_name",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["customer", "user_name"],
                        name="user_name_deleted",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["partner", "purge_at"],
                        name="user_purge",
                    ),
                    models.Index(
                        condition=models.Q(("locked_until__isnull", False)),
                        fields=["customer", "locked_until"],
                        name="user_locked",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("password_state", "temporary")),
                        fields=["partner", "customer", "password_expires_at"],
                        name="user_temporary",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("password_state", "temporary")),
                        fields=["partner", "password_batch", "password_expires_at"],
                        name="user_temporary_batch",
                    ),
                    GinIndex(
                        fields=["customer", "search"],
                        name="user_search",
                        opclasses=["uuid_ops", "gin_trgm_ops"],
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UserSession",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer")),
                ("user", foreign_key("users.customeruser", "sessions")),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("seen_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user"], name="user_session_user"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Selection",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("by", foreign_key("partners.member")),
                ("users", ArrayField(base_field=models.UUIDField(), size=None)),
                ("unmatched", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={"abstract": False},
        ),
    ]
