from django.db import models
from django.db.models import Func, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

LABELS = {
    "activity.exported": _("Activity log exported"),
    "batch.canceled": _("Job canceled"),
    "batch.errors_exported": _("Rows with errors downloaded"),
    "batch.exported": _("Result of a job downloaded"),
    "batch.paused": _("Job paused"),
    "batch.resumed": _("Job resumed"),
    "batch.retried": _("Job retried"),
    "batch.stopped": _("Job stopped"),
    "batch.finished": _("Job finished"),
    "batch.started": _("Job started"),
    "customer.added": _("Customer added"),
    "customer.archived": _("Customer archived"),
    "customer.edited": _("Customer edited"),
    "customer.notes_changed": _("Notes changed"),
    "customer.policies_changed": _("Policies changed"),
    "customer.reactivated": _("Customer reactivated"),
    "customer.sign_ins_attacked": _("Many failed sign-ins of users"),
    "domain.added": _("Domain added"),
    "domain.made_default": _("Default domain changed"),
    "domain.removed": _("Domain removed"),
    "domain.unverified": _("Domain marked as not verified"),
    "domain.verified": _("Domain marked as verified"),
    "import.names_exported": _("Names not found downloaded"),
    "import.repaired": _("Rows of a file repaired"),
    "import.unmatched_exported": _("Rows without a customer downloaded"),
    "import.uploaded": _("File uploaded"),
    "member.address_changed": _("Own email address changed"),
    "member.deactivated": _("Member deactivated"),
    "member.factor_added": _("Second factor added"),
    "member.factor_removed": _("Second factor removed"),
    "member.factor_reset": _("Second factor reset"),
    "member.invitation_withdrawn": _("Invitation withdrawn"),
    "member.invited": _("Member invited"),
    "member.invited_again": _("Invitation sent again"),
    "member.joined": _("Member joined"),
    "member.locked_out": _("Sign-in of a member locked"),
    "member.limits_changed": _("Customers of a member selected"),
    "member.password_changed": _("Own password changed"),
    "member.password_recovered": _("Own password reset by email"),
    "member.profile_changed": _("Own profile changed"),
    "member.reactivated": _("Member reactivated"),
    "member.role_changed": _("Role changed"),
    "member.sign_in_failed": _("Sign-in of a member failed"),
    "member.signed_in": _("Member signed in"),
    "member.signed_out": _("Member signed out"),
    "partner.created": _("Partner created"),
    "partner.sign_ins_attacked": _("Many failed sign-ins of members"),
    "plan.added": _("Service plan added"),
    "plan.removed": _("Service plan removed"),
    "plan.renamed": _("Service plan renamed"),
    "product.added": _("Product added"),
    "product.edited": _("Product edited"),
    "sheet.expired": _("Password sheet expired"),
    "sheet.handed_over": _("Passwords marked as handed over"),
    "sheet.mailed": _("Passwords emailed"),
    "sheet.opened": _("Password sheet opened"),
    "subscription.added": _("Subscription added"),
    "subscription.in_grace": _("Subscription moved to grace period"),
    "subscription.reactivated": _("Subscription reactivated"),
    "subscription.renewal_changed": _("Renewal date changed"),
    "subscription.seats_changed": _("Seats changed"),
    "subscription.suspended": _("Subscription suspended"),
    "user.added": _("User added"),
    "user.blocked": _("Sign-in blocked"),
    "user.deleted": _("User deleted"),
    "user.edited": _("User edited"),
    "user.licenses_changed": _("Licenses changed"),
    "user.locked_out": _("Sign-in of a user locked"),
    "user.password_chosen": _("Password chosen by the user"),
    "user.password_ended": _("Temporary password ended"),
    "user.password_reset": _("Password reset"),
    "user.purge_held": _("Purge on hold"),
    "user.purge_moved": _("Purge date changed"),
    "user.purge_released": _("Purge hold released"),
    "user.purged": _("User purged"),
    "user.restored": _("User restored"),
    "user.sign_in_failed": _("Sign-in of a user failed"),
    "user.signed_in": _("User signed in"),
    "user.signed_out": _("User signed out"),
    "user.unblocked": _("Sign-in unblocked"),
    "users.exported": _("Users exported"),
}


class Event(models.Model):
    """
    One recorded action: actor, subject, changed values, time. Append only.

    It has no foreign keys and copies names, because it must outlive its subject.
    """

    id = models.UUIDField(
        primary_key=True,
        db_default=Func(function="uuidv7", output_field=models.UUIDField()),
        editable=False,
    )
    partner_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())
    by_id = models.UUIDField(null=True)
    by_name = models.CharField(max_length=120)
    # Distinguishes members of the same name. '' for the portal itself.
    by_email = models.CharField(max_length=254, default="", db_default="")
    action = models.CharField(max_length=60)
    customer_id = models.UUIDField(null=True)
    subject_id = models.UUIDField(null=True)
    subject_name = models.CharField(max_length=320, blank=True)
    batch_id = models.UUIDField(null=True)
    # Address of the request; None in workers and commands.
    client = models.GenericIPAddressField(null=True)
    before = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    after = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))

    class Meta:
        # Ids grow with time: written at the end of each index, read backwards.
        indexes = [
            models.Index(fields=["partner_id", "id"], name="event_partner"),
            models.Index(fields=["partner_id", "customer_id", "id"], name="event_customer"),
            models.Index(fields=["partner_id", "subject_id", "id"], name="event_subject"),
            models.Index(fields=["partner_id", "batch_id", "id"], name="event_batch"),
        ]

    def __str__(self):
        return f"{self.action} {self.subject_name}"

    @property
    def label(self) -> str:
        """The action in the reader's language; an unknown action as it is."""
        return LABELS.get(self.action, self.action)
