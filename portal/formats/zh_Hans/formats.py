"""Simplified Chinese as this portal writes it; what is missing here is Django's."""

# Django groups by four digits without separators, unlike Excel.
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
