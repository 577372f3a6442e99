from django.db import migrations, models
from django.db.models.functions import Now

from partners.schema import foreign_key, numbered_fields, tenant_fields


class Migration(migrations.Migration):
    initial = True
    dependencies = [("batches", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ImportColumn",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "%(class)ss")),
                ("header", models.CharField(max_length=120)),
                ("field", models.CharField(blank=True, max_length=20)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("customer", "header"), name="import_column_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                *tenant_fields(),
                (
                    "batch",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=models.CASCADE,
                        related_name="+",
                        to="batches.batch",
                    ),
                ),
                ("by", foreign_key("partners.member", "+", models.PROTECT)),
                ("by_name", models.CharField(max_length=120)),
                ("source_name", models.CharField(max_length=255)),
                ("options", models.JSONField(default=dict)),
                ("preview", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("checking", "Checking"),
                            ("refused", "File not accepted"),
                            ("split", "Split into jobs"),
                        ],
                        max_length=10,
                    ),
                ),
                ("plan", models.JSONField(default=dict)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("partner", "id"), name="upload_partner_id"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UploadPart",
            fields=[
                *numbered_fields("upload"),
                ("upload", foreign_key("imports.upload", "parts")),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="UnmatchedRow",
            fields=[
                *numbered_fields("upload"),
                ("upload", foreign_key("imports.upload", "unmatched_rows")),
                ("content", models.JSONField()),
            ],
        ),
    ]
