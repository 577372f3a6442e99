from django.db import migrations, models
from django.db.models.functions import Now

from partners.schema import foreign_key, numbered_fields, tenant_fields


class Migration(migrations.Migration):
    initial = True
    dependencies = [("customers", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                *tenant_fields(),
                ("customer", foreign_key("customers.customer", "batches")),
                ("kind", models.CharField(max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Not finished"),
                            ("checking", "Checking"),
                            ("refused", "File not accepted"),
                            ("planned", "Ready to start"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("done", "Done"),
                            ("canceled", "Canceled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("by", foreign_key("partners.member", "batches", models.PROTECT)),
                ("by_name", models.CharField(max_length=120)),
                ("options", models.JSONField(default=dict)),
                ("plan", models.JSONField(default=dict)),
                ("source_name", models.CharField(blank=True, max_length=255)),
                ("total", models.PositiveIntegerField(default=0)),
                ("reason", models.CharField(blank=True, max_length=240)),
                ("ticket", models.CharField(blank=True, max_length=60)),
                ("undoes", models.UUIDField(null=True)),
                ("split_from", models.UUIDField(null=True)),
                (
                    "halted_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("member", "a member"),
                            ("database", "the database, which is full or unreachable"),
                        ],
                        max_length=10,
                    ),
                ),
                ("sheet_key", models.CharField(blank=True, max_length=200)),
                ("sheet_expires_at", models.DateTimeField(null=True)),
                ("handed_over_at", models.DateTimeField(null=True)),
                ("handed_over_by", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("rows_wiped_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "customer", "id"), name="batch_customer_id"
                    ),
                    models.UniqueConstraint(fields=("partner", "id"), name="batch_partner_id"),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("customer", "by"),
                        name="batch_one_open_set",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["partner", "-id"], name="batch_list"),
                    models.Index(fields=["partner", "by", "-id"], name="batch_mine"),
                    models.Index(fields=["partner", "kind", "-id"], name="batch_kind"),
                    models.Index(
                        condition=models.Q(
                            (
                                "state__in",
                                ["open", "checking", "refused", "planned", "running", "paused"],
                            )
                        ),
                        fields=["partner", "state", "-id"],
                        name="batch_not_over",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("reason", ""), ("source_name", ""), ("ticket", ""), _negated=True
                        ),
                        fields=["partner", "-id"],
                        name="batch_noted",
                    ),
                    models.Index(
                        condition=models.Q(("undoes__isnull", False)),
                        fields=["undoes"],
                        name="batch_undoes",
                    ),
                    models.Index(
                        condition=models.Q(("split_from__isnull", False)),
                        fields=["split_from", "id"],
                        name="batch_split_from",
                    ),
                    models.Index(
                        condition=models.Q(("sheet_key", ""), _negated=True),
                        fields=["sheet_expires_at"],
                        name="batch_secrets",
                    ),
                    models.Index(
                        condition=models.Q(("kind", "import"), ("rows_wiped_at", None)),
                        fields=["created_at"],
                        name="batch_with_rows",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                *numbered_fields("batch"),
                ("batch", foreign_key("batches.batch", "lines")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("invalid", "Can’t run"),
                            ("left_out", "Skipped"),
                            ("planned", "Planned"),
                            ("trying", "In progress"),
                            ("done", "Done"),
                            ("partly", "Partly done"),
                            ("failed", "Failed"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                (
                    "trouble",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(
                                state__in=["invalid", "left_out", "failed", "partly"], then="state"
                            )
                        ),
                        output_field=models.CharField(max_length=10, null=True),
                    ),
                ),
                ("act", models.CharField(max_length=10)),
                ("user_id", models.UUIDField(null=True)),
                ("input", models.JSONField(default=dict)),
                ("problems", models.JSONField(default=list)),
                ("result", models.JSONField(default=dict)),
                ("sealed", models.BinaryField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["partner", "user_id"], name="line_user"),
                    models.Index(
                        condition=models.Q(("trouble__isnull", False)),
                        fields=["batch", "trouble", "number"],
                        name="line_trouble",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                *tenant_fields(),
                ("kind", models.CharField(max_length=10)),
                ("batch", foreign_key("batches.batch", "jobs", null=True)),
                ("subject", models.UUIDField(null=True)),
                ("number", models.PositiveIntegerField(default=1)),
                ("first", models.PositiveIntegerField(default=0)),
                ("last", models.PositiveIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("done", "Done")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("enqueued_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("batch", "kind", "number"), name="job_once"),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["enqueued_at"],
                        name="job_pending",
                    ),
                ],
            },
        ),
    ]
