"""Simplified Chinese as this portal writes it; what is missing here is Django's."""

# Django groups by four and puts nothing between, which nobody expects beside figures from Excel.
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
