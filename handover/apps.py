from django.apps import AppConfig


class HandoverConfig(AppConfig):
    name = "handover"

    def ready(self):
        from batches.page import add_panel
        from batches.queries.list import register_filter
        from handover.panel import PANEL
        from handover.queries import with_passwords

        register_filter("passwords", ["waiting"], with_passwords)
        add_panel(PANEL)
