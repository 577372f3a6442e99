from partners.errors import Refusal


class LicensingError(Refusal):
    """An act on licenses was refused."""
