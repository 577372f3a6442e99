from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "imports"

    def ready(self):
        from batches.acts import register
        from batches.operations.lease import register_work
        from batches.page import add_panel
        from imports.act import IMPORT
        from imports.operations import check, repair, split
        from imports.panel import PANEL

        register(IMPORT)
        register_work("check", check.check_file, check.give_up_check)
        register_work("repair", repair.repair_rows, repair.give_up_repair)
        register_work("split", split.split_file, split.give_up_split)
        add_panel(PANEL)
