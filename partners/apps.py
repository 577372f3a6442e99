from django.apps import AppConfig
from django.urls import register_converter


class PartnersConfig(AppConfig):
    name = "partners"

    def ready(self):
        """Register the kinds of files in URLs, and connect the signals of sign-ins and factors."""
        from partners import downloads, sign_ins

        register_converter(downloads.FileKind, "file_kind")
        sign_ins.connect()
