from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo import seed


class Command(BaseCommand):
    help = "Creates the demo's partners if the installation has no partner yet."

    def add_arguments(self, parser):
        parser.add_argument(
            "--max-users", type=int, default=20_000, help="how many users a customer gets at most"
        )

    def handle(self, *, max_users: int, **options):
        if not settings.IS_DEMO:
            raise CommandError(
                "The demo's members have known passwords. Set LOCAL_DEMO=1 where that is meant."
            )
        if seed.is_seeded():
            return
        self.stdout.write("Loading the demo, this once; it takes about half a minute ...")
        self.stdout.flush()
        seed.seed_demo(max_users=max_users)
