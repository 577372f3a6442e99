from django.db import migrations, models
from django.db.models.functions import Now

from partners.schema import foreign_key, tenant_fields


class Migration(migrations.Migration):
    initial = True
    dependencies = [("batches", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Handover",
            fields=[
                *tenant_fields(),
                ("batch", foreign_key("batches.batch", "handovers")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("user_link", "One-time link to the user"),
                            ("sheet_link", "One-time link to the sheet"),
                            ("user_text", "Password in the email to the user"),
                            ("reminder", "Reminder of the sheet"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting to be sent"),
                            ("sent", "Sent"),
                            ("failed", "Could not be sent"),
                            ("opened", "Opened"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("line_number", models.PositiveIntegerField(null=True)),
                ("user_id", models.UUIDField(null=True)),
                ("to", models.EmailField(max_length=254)),
                ("member_id", models.UUIDField(null=True)),
                ("sent_by", models.UUIDField(null=True)),
                ("language", models.CharField(max_length=10)),
                ("token_hash", models.CharField(blank=True, max_length=64)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "error",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("refused", "The mail server refused this address."),
                            (
                                "unreachable",
                                "The mail server didn’t answer, or refused the email five times.",
                            ),
                            (
                                "revoked",
                                "The member who sent it can no longer hand over these passwords.",
                            ),
                            (
                                "outdated",
                                "The password was used, replaced or deleted before it was sent.",
                            ),
                        ],
                        max_length=240,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("sent_at", models.DateTimeField(null=True)),
                ("opened_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("token_hash", ""), _negated=True),
                        fields=("token_hash",),
                        name="handover_token",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "batch", "id"], name="handover_batch"),
                    models.Index(
                        condition=models.Q(("state", "queued")),
                        fields=["created_at"],
                        name="handover_queue",
                    ),
                ],
            },
        ),
    ]
