from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from partners.errors import Refusal
from partners.operations.partner import create_partner


class Command(BaseCommand):
    help = "Makes a partner, and prints the owner's invitation."

    def add_arguments(self, parser):
        parser.add_argument("name", help="the organization's name")
        parser.add_argument("slug", help="a short name, as in halden-cloud")
        parser.add_argument("email", help="the first owner's address")

    def handle(self, *, name: str, slug: str, email: str, **options):
        try:
            made = create_partner(name=name, slug=slug, email=email)
        except Refusal as error:
            raise CommandError(error.message) from error
        invitation = made.owner.invitation
        self.stdout.write(f"{made.partner.name} was created. {invitation.email} becomes its owner")
        self.stdout.write("with this link, which works once, for seven days:")
        self.stdout.write(settings.BASE_URL + made.owner.path)
