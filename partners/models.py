from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models, transaction
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from partners import names
from partners.roles import Permission, Role
from partners.tenancy import require_current, uuid7


class UUIDv7(Func):
    """Postgres' own version 7 uuid, for rows that raw SQL inserts."""

    function = "uuidv7"
    output_field = models.UUIDField()


class Partner(models.Model):
    """The tenant: a reseller's organization. Made by the operator, never from outside."""

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

    The key to the partner is real only on the tables at the top; everything below hangs on them
    by composite keys that carry partner_id, so checking it again would only cost time.
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
    """Makes members with a hashed password; there is no superuser in this house."""

    def create_user(self, email, password=None, **fields):
        """Make a member who signs in with this address, which is proven, and password."""
        member = self.model(email=self.normalize_email(email).lower(), **fields)
        member.set_password(password)
        with transaction.atomic(using=self._db):
            member.save(using=self._db)
            # The link of the invitation went there, so it is proven. Without this row the sign-in
            # library writes an unproven one, and refuses second factors because of it.
            member.emailaddress_set.create(email=member.email, verified=True, primary=True)
        return member


class Member(AbstractBaseUser):
    """A person of the partner's staff; the only one who signs in to the portal."""

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the device")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUIDv7(), editable=False)
    partner = models.ForeignKey(Partner, models.PROTECT, related_name="members")
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.READER)
    # Sees only the customers that customers.Scope names.
    is_limited = models.BooleanField(_("limited to chosen customers"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=40, default="UTC")
    theme = models.CharField(_("appearance"), max_length=5, choices=Theme, blank=True)
    has_shortcuts = models.BooleanField(_("single-key shortcuts"), default=True)
    # Counting it up ends every session that was opened before.
    session_number = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects = MemberManager()

    class Meta:
        constraints = [
            # What rows of the same partner point at.
            models.UniqueConstraint(fields=["partner", "id"], name="member_partner_id"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="member_role"),
            models.CheckConstraint(
                condition=~Q(name__regex=names.INVISIBLE), name="member_name_clean"
            ),
        ]

    def __str__(self):
        return self.name

    def may(self, permission: Permission) -> bool:
        """Whether the member's role has this permission."""
        return self.role in permission.roles

    def _get_session_auth_hash(self, secret=None):
        # A session is compared with this on every request; it ends where they differ.
        key = f"{self.password}|{self.session_number}"
        return salted_hmac("partners.Member", key, secret=secret, algorithm="sha256").hexdigest()


class Tries(models.Model):
    """
    How often something was tried lately; partners.operations.tries counts.

    Of no partner, because strangers are counted too. The key is a keyed hash and names nothing.
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
        """What is stored of what is counted."""
        text = "\0".join(str(part) for part in parts)
        return salted_hmac("partners.Tries", text, algorithm="sha256").hexdigest()


class Invitation(TenantModel):
    """
    A one-time link by which somebody becomes a member; only the hash of its token is stored.

    It waits until it is accepted, withdrawn or too old; sending it again gives it a new token.
    """

    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.READER)
    is_limited = models.BooleanField(_("limited to chosen customers"), default=False)
    by_name = models.CharField(max_length=120)
    # The member who sent it last; None for the operator. It ends when that member loses the right.
    invited_by = models.UUIDField(null=True)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    # None where the mail could not be sent, and the link has to be passed on by hand.
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
        """Whether its link is too old."""
        return self.expires_at <= timezone.now()
