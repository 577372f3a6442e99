"""One-time tokens in links to members; they are not stored, and end with what they depend on."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class ResetTokens(PasswordResetTokenGenerator):
    """
    Proves that a link to choose a password was mailed to the member.

    Ends after PASSWORD_RESET_TIMEOUT, and when the member signs in, changes password, address or
    role, or is deactivated.
    """

    def _make_hash_value(self, member, timestamp) -> str:
        own = f"{member.session_number}|{member.is_active}"
        return f"{super()._make_hash_value(member, timestamp)}|{own}"


class AddressTokens(PasswordResetTokenGenerator):
    """
    Proves that a link was mailed to the new address of the member.

    Ends like a link to choose a password, but not by a sign-in: the member may have to sign in
    on the device on which the mail is read.
    """

    key_salt = "partners.AddressTokens"

    def __init__(self, email: str):
        super().__init__()
        self.email = email

    def _make_hash_value(self, member, timestamp) -> str:
        own = f"{member.pk}|{member.password}|{member.session_number}|{member.is_active}"
        return f"{own}|{member.email}|{self.email}|{timestamp}"
