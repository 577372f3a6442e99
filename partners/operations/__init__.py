"""Everything that writes partners, members and invitations."""

from .founding import create_partner
from .invitations import (
    AddressInUse,
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
    LastOwner,
    OwnRights,
    PartnersError,
    change_role,
    deactivate_member,
    reactivate_member,
    set_limited,
)
from .profile import change_language, change_profile

__all__ = [
    "AddressInUse",
    "InvitationGone",
    "Invited",
    "IsInvited",
    "IsMember",
    "LastOwner",
    "OwnRights",
    "PartnersError",
    "accept_invitation",
    "change_language",
    "change_profile",
    "change_role",
    "create_partner",
    "deactivate_member",
    "invite_member",
    "look_at_invitation",
    "reactivate_member",
    "resend_invitation",
    "set_limited",
    "withdraw_invitation",
]
