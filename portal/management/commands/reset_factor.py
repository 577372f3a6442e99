from django.core.management.base import BaseCommand, CommandError

from partners.errors import Refusal
from partners.operations.factors import reset_factor_by_operator


class Command(BaseCommand):
    help = "Resets the second factor of a member who has no other owner to ask."

    def add_arguments(self, parser):
        parser.add_argument("email", help="the member's address")

    def handle(self, *, email: str, **options):
        try:
            member = reset_factor_by_operator(email=email)
        except Refusal as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"The second factor of {member.name} is reset, and a notice was sent.")
