from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0035_reminders")]

    operations = [
        migrations.AddField(
            model_name="line",
            name="act",
            field=models.CharField(default="", max_length=10),
            preserve_default=False,
        ),
    ]
