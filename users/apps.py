from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "users"

    def ready(self):
        from batches.acts import register
        from batches.operations.lease import register_work
        from batches.page import add_panel
        from users.acts import (
            add,
            block,
            delete,
            edit,
            hold,
            licenses,
            purge,
            reset,
            restore,
            undo,
            update,
            waitlist,
        )  # fmt: skip
        from users.panel import PANEL

        # In the order in which the lines of a chunk are done: seats are freed before they are given.
        register(
            delete.DELETE,
            delete.LEAVE,
            block.BLOCK,
            block.UNBLOCK,
            edit.EDIT,
            hold.HOLD,
            licenses.LICENSES,
            restore.RESTORE,
            update.UPDATE,
            add.ADD,
            reset.RESET,
            purge.PURGE,
            waitlist.QUEUE,
            undo.UNDO,
        )
        register_work(undo.UNDO.kind, undo.plan_ordered, undo.give_up_plan)
        add_panel(PANEL)
