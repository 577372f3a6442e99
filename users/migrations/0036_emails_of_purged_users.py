from django.db import migrations, models

from partners.schema import SEARCH_PATH

# An email holds an address of the user. It goes in the statement that deletes the user, whichever
# path that takes; the trigger works with the rights of the caller, so row security holds for it.
DELETE_EMAILS = f"""
CREATE FUNCTION app.delete_emails_of_purged_users() RETURNS trigger LANGUAGE plpgsql
{SEARCH_PATH} AS $body$
BEGIN
    DELETE FROM users_handover h USING purged u
        WHERE h.partner_id = u.partner_id AND h.user_id = u.id;
    RETURN NULL;
END $body$;
REVOKE ALL ON FUNCTION app.delete_emails_of_purged_users() FROM PUBLIC;
CREATE TRIGGER emails_purged AFTER DELETE ON users_customeruser
    REFERENCING OLD TABLE AS purged
    FOR EACH STATEMENT EXECUTE FUNCTION app.delete_emails_of_purged_users();
"""

KEEP_EMAILS = """
DROP TRIGGER emails_purged ON users_customeruser;
DROP FUNCTION app.delete_emails_of_purged_users();
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0035_reminders")]

    operations = [
        migrations.RunSQL(DELETE_EMAILS, KEEP_EMAILS),
        migrations.AlterField(
            "handover",
            "error",
            models.CharField(
                blank=True,
                choices=[
                    ("refused", "The mail server refused this address."),
                    (
                        "unreachable",
                        "The mail server didn’t answer, or refused the email five times.",
                    ),
                    ("revoked", "The member who sent it can no longer hand over these passwords."),
                    ("outdated", "The password was used, replaced or deleted before it was sent."),
                ],
                max_length=240,
            ),
        ),
        migrations.AlterField(
            "handover",
            "kind",
            models.CharField(
                choices=[
                    ("user_link", "One-time link to the user"),
                    ("sheet_link", "One-time link to the sheet"),
                    ("user_text", "Password in the email to the user"),
                    ("reminder", "Reminder of the sheet"),
                ],
                max_length=12,
            ),
        ),
    ]
