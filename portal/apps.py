import gc

from django.apps import AppConfig
from django.core.checks import register

# A batch creates millions of objects, hardly any of them garbage.
GC_THRESHOLD = 50_000


class PortalConfig(AppConfig):
    """Prepares every process of the portal: web, worker, beat and commands."""

    name = "portal"

    def ready(self):
        """
        Register the checks of settings, and let Python search for garbage rarely.

        By default it does so after each 700 objects, which took a fifth of a worker's time for
        100,000 lines. Nearly all objects are freed by reference counts anyway.
        """
        from portal.checks import check_settings

        register(check_settings, "settings")

        gc.collect()
        # Imported modules are never garbage.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 100)
