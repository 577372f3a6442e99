from django.db import migrations, models
from django.db.models.functions import Now

from partners.models import UUIDv7
from partners.names import INVISIBLE
from partners.schema import tenant_fields
from partners.tenancy import uuid7


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Partner",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=UUIDv7(),
                        default=uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("slug", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=~models.Q(name__regex=INVISIBLE), name="partner_name_clean"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "id",
                    models.UUIDField(
                        db_default=UUIDv7(),
                        default=uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=models.PROTECT, related_name="members", to="partners.partner"
                    ),
                ),
                (
                    "email",
                    models.EmailField(max_length=254, unique=True, verbose_name="email address"),
                ),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin_agent", "Admin agent"),
                            ("helpdesk_agent", "Helpdesk agent"),
                            ("sales_agent", "Sales agent"),
                            ("reader", "Reader"),
                        ],
                        default="reader",
                        max_length=20,
                        verbose_name="role",
                    ),
                ),
                (
                    "is_limited",
                    models.BooleanField(
                        default=False, verbose_name="limited to selected customers"
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("language", models.CharField(blank=True, max_length=10, verbose_name="language")),
                (
                    "time_zone",
                    models.CharField(default="UTC", max_length=40, verbose_name="time zone"),
                ),
                (
                    "theme",
                    models.CharField(
                        blank=True,
                        choices=[("", "As the device"), ("light", "Light"), ("dark", "Dark")],
                        max_length=5,
                        verbose_name="appearance",
                    ),
                ),
                (
                    "has_shortcuts",
                    models.BooleanField(default=True, verbose_name="single-key shortcuts"),
                ),
                ("session_number", models.PositiveIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("partner", "id"), name="member_partner_id"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                ["owner", "admin_agent", "helpdesk_agent", "sales_agent", "reader"],
                            )
                        ),
                        name="member_role",
                    ),
                    models.CheckConstraint(
                        condition=~models.Q(name__regex=INVISIBLE), name="member_name_clean"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tries",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["expires_at"], name="tries_expires"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                *tenant_fields(),
                ("email", models.EmailField(max_length=254, verbose_name="email address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin_agent", "Admin agent"),
                            ("helpdesk_agent", "Helpdesk agent"),
                            ("sales_agent", "Sales agent"),
                            ("reader", "Reader"),
                        ],
                        default="reader",
                        max_length=20,
                        verbose_name="role",
                    ),
                ),
                (
                    "is_limited",
                    models.BooleanField(
                        default=False, verbose_name="limited to selected customers"
                    ),
                ),
                ("by_name", models.CharField(max_length=120)),
                ("invited_by", models.UUIDField(null=True)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("expires_at", models.DateTimeField()),
                ("mailed_at", models.DateTimeField(null=True)),
                ("accepted_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at", None), ("withdrawn_at", None)),
                        fields=("partner", "email"),
                        name="invitation_waiting",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                ["owner", "admin_agent", "helpdesk_agent", "sales_agent", "reader"],
                            )
                        ),
                        name="invitation_role",
                    ),
                ],
            },
        ),
    ]
