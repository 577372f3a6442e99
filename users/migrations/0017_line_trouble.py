from django.db import migrations, models

# Room on each page for what becomes of its lines: they stay there, and no index hears of it.
ROOM = "ALTER TABLE users_line SET (fillfactor = 50)"
NO_ROOM = "ALTER TABLE users_line RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("users", "0016_chunk_ranges")]

    operations = [
        migrations.RemoveIndex("line", name="line_state"),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.AddField(
            "line",
            "trouble",
            models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(state__in=["invalid", "left_out", "failed", "partly"], then="state")
                ),
                output_field=models.CharField(max_length=10, null=True),
            ),
        ),
        migrations.AddIndex(
            "line",
            models.Index(
                condition=models.Q(("trouble__isnull", False)),
                fields=["batch", "trouble", "number"],
                name="line_trouble",
            ),
        ),
    ]
