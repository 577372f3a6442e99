from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models, transaction
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from partners import names
from partners.roles import Permission, Role
from partners.tenancy import require_current, uuid7


class UUIDv7(Func):
    """PostgreSQL's version 7 uuid, for rows inserted by raw SQL."""

    function = "uuidv7"
    output_field = models.UUIDField()


class Partner(models.Model):
    """The tenant: a reseller's organization, created by the operator."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUIDv7(), editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(name__regex=names.INVISIBLE), name="partner_name_clean"
            ),
        ]

    def __str__(self):
        return self.name


class TenantModel(models.Model):
    """
    A row that belongs to a partner.

    Only top-level tables have a real foreign key to the partner. Those below refer to them by
    composite keys with partner_id, so checking it again would only cost time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUIDv7(), editable=False)
    partner = models.ForeignKey(
        Partner,
        models.PROTECT,
        related_name="+",
        default=require_current,
        editable=False,
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        abstract = True


class MemberManager(BaseUserManager):
    """Creates members; there are no superusers."""

    def create_user(self, email, password=None, **fields):
        """Create a member with an address that is proven to be theirs."""
        member = self.model(email=self.normalize_email(email).lower(), **fields)
        member.set_password(password)
        with transaction.atomic(using=self._db):
            member.save(using=self._db)
            # Proven by the link of the invitation. Without this row the sign-in library adds an
            # unproven one, and then refuses second factors.
            member.emailaddress_set.create(email=member.email, verified=True, primary=True)
        return member


class Member(AbstractBaseUser):
    """An employee of the partner. Only members sign in to the portal."""

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUIDv7(), editable=False)
    partner = models.ForeignKey(Partner, models.PROTECT, related_name="members")
    email = models.EmailField(_("email address"), unique=True)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=120)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.READER)
    # Sees only the customers of their customers.Scope rows.
    is_limited = models.BooleanField(_("limited to selected customers"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=40, default="UTC")
    theme = models.CharField(_("appearance"), max_length=5, choices=Theme, blank=True)
    has_shortcuts = models.BooleanField(_("single-key shortcuts"), default=True)
    # Incrementing it ends all existing sessions.
    session_number = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects = MemberManager()

    class Meta:
        constraints = [
            # The target of composite foreign keys.
            models.UniqueConstraint(fields=["partner", "id"], name="member_partner_id"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="member_role"),
            models.CheckConstraint(
                condition=~Q(name__regex=names.INVISIBLE), name="member_name_clean"
            ),
        ]

    def __str__(self):
        return self.name

    def may(self, permission: Permission) -> bool:
        return self.role in permission.roles

    def _get_session_auth_hash(self, secret=None):
        # Compared with the session on every request; the session ends if they differ.
        key = f"{self.password}|{self.session_number}"
        return salted_hmac("partners.Member", key, secret=secret, algorithm="sha256").hexdigest()


class Tries(models.Model):
    """
    A count of recent tries, by partners.operations.tries.

    Not of a partner, because unknown accounts are counted too. The key is a keyed hash.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="tries_expires")]

    def __str__(self):
        return f"{self.key[:8]} {self.count}"

    @staticmethod
    def key_of(*parts: object) -> str:
        text = "\0".join(str(part) for part in parts)
        return salted_hmac("partners.Tries", text, algorithm="sha256").hexdigest()


class Invitation(TenantModel):
    """
    A one-time link for joining the partner; only the hash of its token is stored.

    It is open until it is accepted, withdrawn or expired; resending it replaces the token.
    """

    email = models.EmailField(_("email address"))
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.READER)
    is_limited = models.BooleanField(_("limited to selected customers"), default=False)
    by_name = models.CharField(max_length=120)
    # The member who sent it last; None for the operator. The invitation ends with their right.
    invited_by = models.UUIDField(null=True)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    # None if the mail could not be sent.
    mailed_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "email"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_waiting",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role"),
        ]

    def __str__(self):
        return self.email

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()
