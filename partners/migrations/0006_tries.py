from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0005_no_temporary_tables")]

    operations = [
        migrations.CreateModel(
            name="Tries",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["expires_at"], name="tries_expires")]},
        ),
    ]
