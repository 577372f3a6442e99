import gc

from django.apps import AppConfig

# A batch makes some millions of objects, hardly any of them garbage.
OBJECTS_BETWEEN_SEARCHES = 50_000


class PortalConfig(AppConfig):
    """Prepares every process of the portal: web, worker, beat and commands."""

    name = "portal"

    def ready(self):
        """
        Let Python look for garbage rarely.

        By default it begins after each 700 objects, and the more there are, the longer it looks: of
        a worker's time for 100,000 lines that took a fifth. Nearly everything here is gone without
        it, as soon as nobody needs it.
        """
        # Registers the checks of settings.
        from portal import checks  # noqa: F401

        gc.collect()
        # What was imported is never garbage.
        gc.freeze()
        gc.set_threshold(OBJECTS_BETWEEN_SEARCHES, 20, 100)
