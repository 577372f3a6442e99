"""The pieces of the interface that a template cannot say by itself; builtin in every template."""

import zlib
from functools import cache

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import mark_safe
from django.utils.translation import pgettext

from customers.filters import PLACES_IN_A_LIST
from partners import qr

register = template.Library()

AVATAR_COLORS = 5

TONES = {
    "ok": {"ok", "done", "active", "allowed", "ready", "success", "succeeded", "finished"},
    "warn": {"warn", "warning", "partial", "expiring", "grace", "held", "waiting", "paused"},
    "bad": {"bad", "error", "failed", "blocked", "deleted", "suspended", "expired", "stopped"},
    "info": {"info", "running", "queued", "planned", "pending", "debug"},
}


# A list of users draws four hundred icons of a dozen kinds.
@register.simple_tag
@cache
def icon(name, size=""):
    """Draw an icon of the sprite; it decorates, so a label must stand beside it."""
    return format_html(
        '<svg class="i{}" aria-hidden="true" viewBox="0 0 24 24"><use href="{}#{}"/></svg>',
        f" {size}" if size else "",
        static("icons.svg"),
        name,
    )


def initials(name):
    """Up to two letters for a name, one character for a Chinese one."""
    words = str(name).split()
    if not words:
        return "?"
    first = words[0][0]
    if len(words) == 1 or not first.isascii():
        return first.upper()
    return (first + words[-1][0]).upper()


@register.simple_tag
def avatar(name, css=""):
    """Draw the initials of a name in a color that is always the same for it."""
    color = zlib.crc32(str(name).encode()) % AVATAR_COLORS + 1
    return format_html(
        '<span class="avatar c{}{}" aria-hidden="true">{}</span>',
        color,
        f" {css}" if css else "",
        initials(name),
    )


register.filter("initials", initials)


@register.simple_tag
def qr_code(text, label):
    """Draw the text as a QR code; the label says what it is to those who do not see it."""
    code = qr.draw(text)
    return format_html(
        '<span class="qr-box" role="img" aria-label="{}"><svg viewBox="0 0 {} {}">'
        '<path d="{}" shape-rendering="crispEdges"/></svg></span>',
        label,
        code.size,
        code.size,
        code.path,
    )


@register.filter
def break_at(value):
    """Let the line break before the @ of an address."""
    parts = [conditional_escape(part) for part in str(value).split("@")]
    return format_html_join(mark_safe("<wbr>@"), "{}", ((part,) for part in parts))


@register.filter
def listed(parts):
    """Tell the parts of a list one after another, as the language does."""
    return pgettext("between the parts of a list", ", ").join(map(str, parts))


@register.filter
def tone(value):
    """Say which tone a word for a state has: ok, warn, bad, info or none."""
    word = str(value).lower()
    return next((name for name, words in TONES.items() if word in words), "")


@register.filter
def undo_url(message):
    """The address a notice offers to take its act back with, from its tag `undo:…`."""
    tags = (message.extra_tags or "").split()
    return next((tag.removeprefix("undo:") for tag in tags if tag.startswith("undo:")), "")


@register.simple_tag(takes_context=True)
def filter_query(context):
    """
    Spell the filters of this page as a query string that is the same for the same filters.

    Pages and sorting are left out: a selection outlives them, but not a change of the filter.
    """
    parameters = sorted(
        (name, value)
        for name, values in context["request"].GET.lists()
        if name not in PLACES_IN_A_LIST
        for value in values
        if value
    )
    return urlencode(parameters)


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(context, view, *args, icon, label, current, count=None):
    """Draw a link of the navigation, marked if the page's `nav` is the current one."""
    try:
        url = reverse(view, args=args)
    except NoReverseMatch:
        url = ""
    return {
        "url": url,
        "icon": icon,
        "label": label,
        "count": count,
        "is_current": context.get("nav") == current,
    }
