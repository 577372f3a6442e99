"""The database backend: sets the tenant for row security at each outermost BEGIN."""

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.db.backends.postgresql import base

from partners import tenancy
from partners.postgres import FastListDumper

# Row security does not apply to these; with one of them every page would show everything.
POWERS = """
    SELECT rolsuper OR rolbypassrls OR EXISTS (
        SELECT FROM pg_class WHERE relname = 'customers_customer'
        AND pg_has_role(current_user, relowner, 'MEMBER'))
    FROM pg_roles WHERE rolname = current_user
"""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own wrapper plus one statement after BEGIN, so that no code can forget it."""

    def init_connection_state(self):
        """Refuse a role that row security does not bind, and a database without UTF-8."""
        super().init_connection_state()
        self.connection.adapters.register_dumper(list, FastListDumper)
        if self.alias != "default":
            return
        with self.connection.cursor() as cursor:
            if cursor.execute(POWERS).fetchone()[0]:
                raise ImproperlyConfigured(
                    f"The database role {self.settings_dict['USER']!r} is a superuser, has"
                    " BYPASSRLS or owns the tables. Let DATABASE_URL name portal_app."
                )
            # Under plain C the trigram index would hold no Chinese at all.
            (ctype,) = cursor.execute(
                "SELECT datctype FROM pg_database WHERE datname = current_database()"
            ).fetchone()
            if not ctype.upper().replace("-", "").endswith("UTF8"):
                raise ImproperlyConfigured(
                    f"The database's character type is {ctype!r}. Create it with C.UTF-8."
                )

    def set_autocommit(self, autocommit, force_begin_transaction_with_broken_autocommit=False):
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if not autocommit:
            # The first statement on a connection that the server may have closed meanwhile.
            try:
                with self.wrap_database_errors, self.connection.cursor() as cursor:
                    cursor.execute(tenancy.SET_TENANT, [tenancy.setting_value()])
            except Error:
                # Otherwise the next transaction would count as nested in this one, and not commit.
                self.close()
                raise
