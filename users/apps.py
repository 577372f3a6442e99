from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "users"

    def ready(self):
        """Fill the registry of acts."""
        from users.acts import (  # noqa: F401
            add,
            block,
            delete,
            edit,
            hold,
            licenses,
            purge,
            reset,
            restore,
            update,
        )  # fmt: skip
