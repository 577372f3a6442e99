from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"

    def ready(self):
        """Register what stops the start of a full list."""
        from imports.operations import roster  # noqa: F401
