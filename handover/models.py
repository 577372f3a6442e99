from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from batches.models import Batch
from partners.models import TenantModel


class Withheld(models.TextChoices):
    """Why a line of a sheet shows no password."""

    ADMINISTRATOR = "administrator", _("Your role can’t see the passwords of administrators.")
    USED = "used", _("The user has already chosen a password.")
    PROMOTED = (
        "promoted",
        _("Ended because this user became an administrator. Reset it to get a new one."),
    )
    NONE = (
        "none",
        _("Added with sign-in blocked, so there’s no password. Reset it to create one."),
    )
    REPLACED = "replaced", _("Replaced by a later reset.")
    EXPIRED = "expired", _("Expired. Reset it to get a new one.")
    DELETED = "deleted", _("This user has been deleted.")
    GONE = "gone", _("No longer stored. Reset it to get a new one.")


class Handover(TenantModel):
    """
    An email that hands passwords over, or that reminds a member of a sheet and holds no secret.

    The token of a link is derived from its id and a key outside the database, so only the token's
    hash is stored, and the email can be written when it is sent.
    """

    class Kind(models.TextChoices):
        # To the user: their own password, behind a button, once.
        USER_LINK = "user_link", _("One-time link to the user")
        # To a member or the customer's contact: the sheet, behind a button, once.
        SHEET_LINK = "sheet_link", _("One-time link to the sheet")
        USER_TEXT = "user_text", _("Password in the email to the user")
        # To a member with access to the sheet: its time ends soon. The link asks to sign in.
        REMINDER = "reminder", _("Reminder of the sheet")

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting to be sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Could not be sent")
        OPENED = "opened", _("Opened")

    class Error(models.TextChoices):
        REFUSED = "refused", _("The mail server refused this address.")
        UNREACHABLE = (
            "unreachable",
            _("The mail server didn’t answer, or refused the email five times."),
        )
        REVOKED = "revoked", _("The member who sent it can no longer hand over these passwords.")
        OUTDATED = "outdated", _("The password was used, replaced or deleted before it was sent.")

    batch = models.ForeignKey(
        Batch, models.CASCADE, db_index=False, db_constraint=False, related_name="handovers"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    # The line of the password; None for the whole sheet.
    line_number = models.PositiveIntegerField(null=True)
    user_id = models.UUIDField(null=True)
    to = models.EmailField(max_length=254)
    # Set where it was sent to a member: only that member can open it, signed in.
    member_id = models.UUIDField(null=True)
    # The sending member; it opens as long as that member could still send it.
    sent_by = models.UUIDField(null=True)
    language = models.CharField(max_length=10)
    # '' where there is no link.
    token_hash = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=240, blank=True, choices=Error)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token_hash"], condition=~Q(token_hash=""), name="handover_token"
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "batch", "id"], name="handover_batch"),
            models.Index(fields=["created_at"], condition=Q(state="queued"), name="handover_queue"),
        ]

    def __str__(self):
        return f"{self.kind} {self.to}"
