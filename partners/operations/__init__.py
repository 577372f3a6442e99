"""Everything that writes partners, members and invitations."""

from .addresses import AddressLinkGone, ask_for_address, change_address, read_address_link
from .cleaning import delete_old_rows
from .factors import reset_factor, reset_factor_by_operator
from .founding import create_partner
from .invitations import (
    InvitationGone,
    Invited,
    IsInvited,
    IsMember,
    accept_invitation,
    invite_member,
    look_at_invitation,
    resend_invitation,
    withdraw_invitation,
)
from .members import (
    BeyondOwnRights,
    LastOwner,
    OwnRights,
    PartnersError,
    change_role,
    deactivate_member,
    reactivate_member,
    set_limited,
)
from .profile import change_language, change_profile
from .signing_in import (
    begin_member_attempt,
    change_password,
    fail_factor,
    fail_member_attempt,
    record_own,
    succeed_member_attempt,
)
from .tries import TooManyTries, withdraw_attempt

__all__ = [
    "AddressLinkGone",
    "BeyondOwnRights",
    "InvitationGone",
    "Invited",
    "IsInvited",
    "IsMember",
    "LastOwner",
    "OwnRights",
    "PartnersError",
    "TooManyTries",
    "accept_invitation",
    "begin_member_attempt",
    "ask_for_address",
    "change_address",
    "change_language",
    "change_password",
    "change_profile",
    "change_role",
    "create_partner",
    "deactivate_member",
    "delete_old_rows",
    "fail_factor",
    "fail_member_attempt",
    "invite_member",
    "look_at_invitation",
    "reactivate_member",
    "record_own",
    "read_address_link",
    "reset_factor",
    "reset_factor_by_operator",
    "resend_invitation",
    "set_limited",
    "succeed_member_attempt",
    "withdraw_attempt",
    "withdraw_invitation",
]
