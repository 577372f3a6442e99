from django.apps import AppConfig


class HandoverConfig(AppConfig):
    name = "handover"

    def ready(self):
        from batches.page import add_panel
        from handover.panel import PANEL

        add_panel(PANEL)
