"""One-time proofs in links to members: nothing is stored, and whatever they depend on ends them."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class ResetTokens(PasswordResetTokenGenerator):
    """
    Proves that a link to choose a password was mailed to the member.

    It ends after PASSWORD_RESET_TIMEOUT, and as soon as the member signs in, has another password
    or address, or is deactivated or given another role.
    """

    def _make_hash_value(self, member, timestamp) -> str:
        own = f"{member.session_number}|{member.is_active}"
        return f"{super()._make_hash_value(member, timestamp)}|{own}"


class AddressTokens(PasswordResetTokenGenerator):
    """
    Proves that a link was mailed to the address that the member wants.

    It ends like a link to choose a password, but not by a sign-in: the member may have to sign in
    on the device on which the mail is read.
    """

    key_salt = "partners.AddressTokens"

    def __init__(self, email: str):
        super().__init__()
        self.email = email

    def _make_hash_value(self, member, timestamp) -> str:
        own = f"{member.pk}|{member.password}|{member.session_number}|{member.is_active}"
        return f"{own}|{member.email}|{self.email}|{timestamp}"
