"""What is said about an uploaded file as a whole: how it was read, or why it was not."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spreadsheets.errors import UnreadableFile
from users.importing import parse
from users.models import Batch

# The language that the columns of a file are named in, as that language calls itself.
LANGUAGES = {"en": "English", "zh-hans": "简体中文", "zh-hant": "繁體中文", "ja": "日本語"}

# The systems whose files are known.
SOURCES = {
    "portal": gettext_lazy("this portal, or a list of one’s own"),
    "partner_center": "Microsoft Partner Center",
    "microsoft_365": "Microsoft 365 admin center",
    "entra": "Microsoft Entra",
    "google": "Google Workspace",
}


def refusal(batch: Batch) -> str:
    """Why the file was refused and what to do about it."""
    refused = batch.plan.get("refused") or {}
    code = refused.get("code", "internal")
    if code == "internal":
        return _(
            "The file could not be checked: something went wrong on our side. Try again; if it"
            " happens again, save the list from the template and upload that."
        )
    if code == "file_gone":
        return _("The uploaded file has been removed meanwhile. Upload it again.")
    return UnreadableFile(code, **refused.get("params", {})).message


def describe(batch: Batch) -> list[tuple[str, str]]:
    """What was found out about an uploaded file, as labels and values."""
    found = batch.plan.get("detected") or {}
    if not found:
        return []
    facts = [(_("Format"), "Excel (.xlsx)" if found["format"] == "xlsx" else "CSV")]
    if found["format"] == "csv":
        encoding, delimiter = found["encoding"], found["delimiter"]
        facts += [
            (_("Encoding"), str(dict(parse.ENCODINGS).get(encoding, encoding))),
            (_("Separator"), str(dict(parse.DELIMITERS).get(delimiter, delimiter))),
        ]
    facts += [
        (_("Language of the header"), LANGUAGES.get(found["language"], found["language"])),
        (_("Made for"), str(SOURCES.get(found["source"], found["source"]))),
    ]
    return facts
