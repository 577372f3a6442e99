import os

from django.core.wsgi import get_wsgi_application
from django.db import connection

from portal.checks import require_safe_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_wsgi_application()

require_safe_settings()
# Connecting checks the role; with the wrong one this process must not start.
connection.ensure_connection()
connection.close()
