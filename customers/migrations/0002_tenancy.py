from django.db import migrations

from partners.schema import Key, definer_function, tenant_table, trigger_function

# Only triggers write the counters: their functions run as portal_search, and portal_app cannot.
# portal_app has to lock the rows, which takes the right to update some column; row security lets it
# set the partner only to the one that it is.
COUNTERS = """
REVOKE INSERT, UPDATE, DELETE ON customers_usercount FROM portal_app;
GRANT UPDATE (partner_id) ON customers_usercount TO portal_app;
GRANT SELECT, INSERT, UPDATE (active, deleted, blocked, unlicensed) ON customers_usercount
    TO portal_search;
"""
NO_COUNTERS = """
REVOKE ALL ON customers_usercount FROM portal_search;
REVOKE UPDATE (partner_id) ON customers_usercount FROM portal_app;
GRANT INSERT, UPDATE, DELETE ON customers_usercount TO portal_app;
"""

START_COUNTING = """
BEGIN
    INSERT INTO customers_usercount (partner_id, customer_id, active, deleted, blocked, unlicensed)
        SELECT partner_id, id, 0, 0, 0, 0 FROM changed;
    RETURN NULL;
END
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial"), ("partners", "0002_tenancy")]

    operations = [
        tenant_table(
            "customers_customer", Key("customer_partner", "", "partners_partner", "NO ACTION")
        ),
        tenant_table(
            "customers_domain",
            Key("domain_customer_key", "customer_id", "customers_customer"),
            search_reads="name, partner_id, customer_id",
        ),
        tenant_table(
            "customers_scope",
            Key("scope_customer_key", "customer_id", "customers_customer"),
            Key("scope_member_key", "member_id", "partners_member"),
        ),
        tenant_table(
            "customers_usercount",
            Key("user_count_customer_key", "customer_id", "customers_customer"),
        ),
        tenant_table(
            "customers_countdifference",
            Key("count_difference_customer_key", "customer_id", "customers_customer"),
        ),
        migrations.RunSQL(COUNTERS, NO_COUNTERS),
        trigger_function(
            "app.start_counting",
            START_COUNTING,
            "counts_start AFTER INSERT ON customers_customer REFERENCING NEW TABLE AS changed"
            " FOR EACH STATEMENT",
            runs_as_search=True,
        ),
        # The owner of the domain of a user name typed at /my/, before there is a tenant.
        definer_function(
            "app.find_domain(domain text) RETURNS TABLE (partner_id uuid, customer_id uuid)"
            " LANGUAGE sql STABLE",
            "SELECT d.partner_id, d.customer_id FROM customers_domain d WHERE d.name = domain",
        ),
    ]
