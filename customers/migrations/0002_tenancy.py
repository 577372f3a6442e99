from django.db import migrations

from partners.schema import composite_key, definer_function, own_rows_only


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial"), ("partners", "0002_tenancy")]

    operations = [
        own_rows_only("customers_customer"),
        own_rows_only("customers_domain"),
        own_rows_only("customers_scope"),
        migrations.RunSQL(
            "ALTER TABLE customers_customer ADD CONSTRAINT customer_partner"
            " FOREIGN KEY (partner_id) REFERENCES partners_partner (id)",
            "ALTER TABLE customers_customer DROP CONSTRAINT customer_partner",
        ),
        composite_key(
            "customers_domain",
            "domain_customer_key",
            "partner_id, customer_id",
            "customers_customer",
            "CASCADE",
        ),
        composite_key(
            "customers_scope",
            "scope_customer_key",
            "partner_id, customer_id",
            "customers_customer",
            "CASCADE",
        ),
        composite_key(
            "customers_scope",
            "scope_member_key",
            "partner_id, member_id",
            "partners_member",
            "CASCADE",
        ),
        migrations.RunSQL(
            "GRANT SELECT (name, partner_id, customer_id) ON customers_domain TO portal_search",
            "REVOKE ALL ON customers_domain FROM portal_search",
        ),
        # Before a tenant is known: the domain of a user name that is typed at /my/.
        definer_function(
            "app.find_domain(domain text) RETURNS TABLE (partner_id uuid, customer_id uuid)"
            " LANGUAGE sql STABLE",
            "app.find_domain(text)",
            "SELECT d.partner_id, d.customer_id FROM customers_domain d WHERE d.name = domain",
        ),
    ]
