from django.db import migrations, models
from django.db.models import Q

from partners.schema import definer_function

# Like app.search_users, but over several customers: those named, or all of the partner's where
# none are named. The trigrams alone choose the rows, so the caller asks with three letters or more.
SEARCH = """
DECLARE
    partner uuid := app.current_partner();
    conditions text := '';
    pattern text;
BEGIN
    IF customers IS NOT NULL THEN
        conditions := format(' AND customer_id = ANY (%L::uuid[])', customers);
    END IF;
    FOREACH pattern IN ARRAY patterns LOOP
        conditions := conditions || format(' AND search LIKE %L', pattern);
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT id FROM users_customeruser WHERE partner_id = %L AND deleted_at IS NULL %s LIMIT %s',
        partner, conditions, least(at_most, 100));
END
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0006_list_added")]

    operations = [
        migrations.AddIndex(
            "customeruser",
            models.Index(
                fields=["partner", "customer", "password_expires_at"],
                condition=Q(deleted_at=None, password_state="temporary"),
                name="user_temporary",
            ),
        ),
        definer_function(
            "app.search_people(customers uuid[], patterns text[], at_most integer)"
            " RETURNS SETOF uuid LANGUAGE plpgsql STABLE",
            "app.search_people(uuid[], text[], integer)",
            SEARCH,
        ),
    ]
