"""Records sign-ins and second factors of members, from signals of the libraries."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.middleware.csrf import rotate_token

from partners.operations.sign_in import fail_factor, record_own
from partners.sessions import BEGAN


def connect() -> None:
    user_logged_in.connect(begin_session)
    user_logged_out.connect(record_sign_out)
    authentication_failed.connect(count_wrong_factor)
    # Signals of allauth.mfa come after the commit; those of the rows are in the transaction.
    post_save.connect(record_added_factor, sender=Authenticator)
    post_delete.connect(record_removed_factor, sender=Authenticator)


def begin_session(request, **kwargs):
    """Keep when the session began; adapters.py records the sign-in."""
    request.session[BEGAN] = time.time()


def record_sign_out(request, user, **kwargs):
    """Record it before the session ends; the tokens of its forms end too."""
    request.has_signed_out = True
    rotate_token(request)
    if user is not None:
        record_own("member.signed_out", member=user)


def count_wrong_factor(user, **kwargs):
    fail_factor(member=user)


def record_added_factor(instance, created, **kwargs):
    if created:
        _record_factor("member.factor_added", instance)


def record_removed_factor(instance, **kwargs):
    _record_factor("member.factor_removed", instance)


def _record_factor(action: str, factor: Authenticator) -> None:
    record_own(action, member=factor.user, after={"factor": str(factor.type)})
