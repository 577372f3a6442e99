from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_append_to_indexes")]

    operations = [
        migrations.AddField("event", "client", models.GenericIPAddressField(null=True)),
    ]
