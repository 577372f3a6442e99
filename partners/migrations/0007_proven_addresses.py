from django.db import migrations, models

# The member signs in with the address that the invitation went to, and with no other. Whatever
# else was added on the stock page of the sign-in library was added without a password.
PROVE = """
DELETE FROM account_emailconfirmation;
DELETE FROM account_emailaddress a USING partners_member m
    WHERE m.id = a.user_id AND a.email <> m.email;
INSERT INTO account_emailaddress (user_id, email, verified, "primary")
    SELECT id, email, true, true FROM partners_member
    ON CONFLICT (user_id, email) DO UPDATE SET verified = true, "primary" = true;
"""

# As the record has it; an invitation of which it knows nothing is the operator's.
INVITED_BY = """
UPDATE partners_invitation i SET invited_by = (
    SELECT e.by_id FROM audit_event e
    WHERE e.partner_id = i.partner_id AND e.subject_id = i.id
        AND e.action IN ('member.invited', 'member.invited_again')
    ORDER BY e.id DESC LIMIT 1
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0006_tries"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("audit", "0003_append_to_indexes"),
    ]

    operations = [
        migrations.RunSQL(PROVE, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="invitation",
            name="invited_by",
            field=models.UUIDField(null=True),
        ),
        migrations.RunSQL(INVITED_BY, migrations.RunSQL.noop),
    ]
