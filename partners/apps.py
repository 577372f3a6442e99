from django.apps import AppConfig
from django.urls import register_converter


class PartnersConfig(AppConfig):
    name = "partners"

    def ready(self):
        """Register the kinds of files in URLs, and the receivers of the libraries' signals."""
        from partners import downloads, sign_ins  # noqa: F401

        register_converter(downloads.FileKind, "file_kind")
