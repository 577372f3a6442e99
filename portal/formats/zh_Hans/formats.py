"""Simplified Chinese as this portal writes it; what is missing here is Django's."""

# Django groups by four, which nobody expects beside figures from Excel and Microsoft.
NUMBER_GROUPING = 3
