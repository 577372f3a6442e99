from django.apps import AppConfig


class PartnersConfig(AppConfig):
    name = "partners"

    def ready(self):
        """Listen to what the libraries say about sign-ins."""
        from partners import sign_ins  # noqa: F401
