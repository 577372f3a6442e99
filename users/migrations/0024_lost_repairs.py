import django.db.models.deletion
from django.db import migrations, models

import partners.tenancy
from partners.schema import composite_key, own_rows_only


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0003_invitation"),
        ("users", "0023_forget_each_once"),
    ]

    operations = [
        migrations.CreateModel(
            name="LostRepair",
            fields=[
                ("number", models.PositiveIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "batch_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("before", models.JSONField()),
                ("now", models.JSONField(default=dict)),
                (
                    "batch",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lost_repairs",
                        to="users.batch",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=partners.tenancy.require_current,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        own_rows_only("users_lostrepair"),
        composite_key(
            "users_lostrepair",
            "lost_repair_batch_key",
            "partner_id, batch_id",
            "users_batch",
            "CASCADE",
        ),
    ]
