from django.db import migrations, models

from partners.schema import definer_function


class Migration(migrations.Migration):
    dependencies = [("users", "0034_links_of_members")]

    operations = [
        migrations.AlterField(
            model_name="handover",
            name="kind",
            field=models.CharField(
                choices=[
                    ("user_link", "One-time link to the user"),
                    ("sheet_link", "One-time link to the sheet"),
                    ("user_text", "Password in the mail to the user"),
                    ("reminder", "Reminder of the sheet"),
                ],
                max_length=12,
            ),
        ),
        # Beat's reminders: partners with secrets that end within a day.
        definer_function(
            "app.find_partners_to_remind() RETURNS SETOF uuid LANGUAGE sql STABLE",
            "app.find_partners_to_remind()",
            """
            SELECT DISTINCT partner_id FROM users_batch
                WHERE sheet_key <> '' AND sheet_expires_at > now()
                    AND sheet_expires_at <= now() + interval '24 hours'
            """,
        ),
    ]
