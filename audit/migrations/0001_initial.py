from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=models.Func(function="uuidv7", output_field=models.UUIDField()),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner_id", models.UUIDField()),
                ("at", models.DateTimeField(db_default=Now())),
                ("by_id", models.UUIDField(null=True)),
                ("by_name", models.CharField(max_length=120)),
                ("by_email", models.CharField(db_default="", default="", max_length=254)),
                ("action", models.CharField(max_length=60)),
                ("customer_id", models.UUIDField(null=True)),
                ("subject_id", models.UUIDField(null=True)),
                ("subject_name", models.CharField(blank=True, max_length=320)),
                ("batch_id", models.UUIDField(null=True)),
                ("client", models.GenericIPAddressField(null=True)),
                (
                    "before",
                    models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
                ),
                (
                    "after",
                    models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["partner_id", "id"], name="event_partner"),
                    models.Index(fields=["partner_id", "customer_id", "id"], name="event_customer"),
                    models.Index(fields=["partner_id", "subject_id", "id"], name="event_subject"),
                    models.Index(fields=["partner_id", "batch_id", "id"], name="event_batch"),
                ],
            },
        ),
    ]
