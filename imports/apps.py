from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"

    def ready(self):
        from batches.acts import register
        from batches.page import add_panel
        from imports.act import IMPORT
        from imports.panel import PANEL

        register(IMPORT)
        add_panel(PANEL)
