"""Changes the address with which a member signs in."""

from functools import partial

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import DjangoUnicodeDecodeError
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext_lazy as _

from partners import mails, queries
from partners.errors import Refusal
from partners.models import Member
from partners.operations.members import record
from partners.tokens import AddressTokens


class AddressLinkGone(Refusal):
    """The link is not this member's, is used, too old or out of date."""

    message = _("This link no longer works. Ask for a new one on your profile page.")


def ask_for_address(*, email: str, by: Member) -> None:
    """
    Mail a link to the new address, unless it already signs in.

    The caller does not learn which: it may be the address of another partner's member.
    """
    email = email.lower()
    token = f"{urlsafe_base64_encode(email.encode())}.{AddressTokens(email).make_token(by)}"
    path = reverse("partners:confirm_address", args=[token])
    letter = mails.write_address_link(by, email=email, path=path)
    if not queries.is_address_taken(email):
        mails.send_aside(letter)


def read_address_link(*, token: str, by: Member) -> str:
    """
    Return the address of the link without changing anything.

    :raises AddressLinkGone: if the link does not work.
    """
    encoded, _dot, proof = token.partition(".")
    try:
        email = urlsafe_base64_decode(encoded).decode()
    except (ValueError, DjangoUnicodeDecodeError) as error:
        raise AddressLinkGone from error
    if not AddressTokens(email).check_token(by, proof):
        raise AddressLinkGone
    return email


@transaction.atomic
def change_address(*, token: str, by: Member) -> Member:
    """
    Let the member sign in with the address of the link, and end all sessions and links.

    :raises AddressLinkGone: if the link does not work, or another account has the address now.
    """
    members = queries.find_members(partner_id=by.partner_id)
    member = members.select_for_update(of=("self",), no_key=True).get(pk=by.pk)
    email, before = read_address_link(token=token, by=member), member.email
    member.email = email
    member.session_number += 1
    try:
        with transaction.atomic():
            member.save(update_fields=["email", "session_number"])
            member.emailaddress_set.update(email=email)
    except IntegrityError as error:
        raise AddressLinkGone from error
    record(
        "member.address_changed",
        member.pk,
        member.name,
        before={"email": before},
        after={"email": email},
        by=by,
    )
    notice = mails.write_notice(member, "address_changed", to=before)
    transaction.on_commit(partial(mails.send, notice), robust=True)
    return member
