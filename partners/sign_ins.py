"""What the libraries tell about the sign-in of members, put on record; connected by apps.py."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.middleware.csrf import rotate_token

from partners.operations.sign_in import fail_factor, record_own
from partners.sessions import BEGAN


@receiver(user_logged_in)
def signed_in(request, **kwargs):
    """Note when the session began; adapters.py records it."""
    request.session[BEGAN] = time.time()


@receiver(user_logged_out)
def signed_out(request, user, **kwargs):
    """Record it before the session ends; the tokens of its forms end too."""
    request.has_signed_out = True
    rotate_token(request)
    if user is not None:
        record_own("member.signed_out", member=user)


@receiver(authentication_failed)
def factor_failed(user, **kwargs):
    """Count a wrong code."""
    fail_factor(member=user)


# The signals of allauth.mfa come after the commit; the rows themselves are in the transaction.
@receiver(post_save, sender=Authenticator)
def factor_added(instance, created, **kwargs):
    """Record a new second factor."""
    if created:
        _record_factor("member.factor_added", instance)


@receiver(post_delete, sender=Authenticator)
def factor_removed(instance, **kwargs):
    """Record a second factor that is gone."""
    _record_factor("member.factor_removed", instance)


def _record_factor(action: str, factor: Authenticator) -> None:
    record_own(action, member=factor.user, after={"factor": str(factor.type)})
