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
            name="Bundle",
            fields=[
                *tenant_fields(),
                ("by", foreign_key("partners.member", "+", models.PROTECT)),
                ("by_name", models.CharField(max_length=120)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checking", "Checking"),
                            ("refused", "File not accepted"),
                            ("split", "Split into jobs"),
                        ],
                        default="checking",
                        max_length=10,
                    ),
                ),
                ("source_name", models.CharField(max_length=255)),
                ("options", models.JSONField(default=dict)),
                ("plan", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("partner", "id"), name="bundle_partner_id"),
                ],
                "indexes": [
                    models.Index(fields=["partner", "-id"], name="bundle_list"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BundlePart",
            fields=[
                *numbered_fields("bundle"),
                ("bundle", foreign_key("imports.bundle", "parts")),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                *numbered_fields("batch"),
                ("batch", foreign_key("batches.batch", "uploads")),
                ("content", models.BinaryField()),
            ],
        ),
    ]
