"""English as this portal writes it; what is missing here is Django's."""

# The day before the month's name, in figures by ISO: read alike on both sides of the ocean.
DATE_FORMAT = "j M Y"
SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i"
