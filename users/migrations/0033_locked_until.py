from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("users", "0032_oldest_pending")]

    operations = [
        # How often it was tried is counted in partners_tries now.
        migrations.RemoveField("customeruser", "tries"),
        migrations.RemoveField("customeruser", "tries_since"),
        migrations.AddField("customeruser", "locked_until", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "customeruser",
            models.Index(
                fields=["customer", "locked_until"],
                condition=Q(locked_until__isnull=False),
                name="user_locked",
            ),
        ),
    ]
