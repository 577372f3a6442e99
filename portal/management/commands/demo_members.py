from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo import catalog
from partners.models import Member


class Command(BaseCommand):
    help = "Prints how to sign in to the demo, role by role."

    def handle(self, **options):
        if not settings.IS_DEMO:
            raise CommandError("There are demo members only where LOCAL_DEMO=1 is set.")
        there = set(Member.objects.values_list("email", flat=True))
        members = [member for member in catalog.MEMBERS if member.email in there]
        if not members:
            self.stdout.write("This installation has no demo members: it had a partner before.")
            return
        self.stdout.write(f"Sign in with one of these, password: {catalog.PASSWORD}\n")
        for member in members:
            limits = f", only {' and '.join(member.customers)}" if member.customers else ""
            self.stdout.write(f"  {member.email:<32} {member.role.label}{limits}")
