"""Template tags and filters of the interface; builtin in every template."""

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


# Cached: a list of users draws four hundred icons of a dozen kinds.
@register.simple_tag
@cache
def icon(name, size=""):
    """Draw an icon of the sprite; it is hidden from screen readers, so add a label."""
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
    """Draw the initials of a name in a color that depends on it."""
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
    """Draw the text as a QR code; the label is for screen readers."""
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
    """Allow a line break before the @ of an address."""
    parts = [conditional_escape(part) for part in str(value).split("@")]
    return format_html_join(mark_safe("<wbr>@"), "{}", ((part,) for part in parts))


@register.filter
def listed(parts):
    """Join the parts of a list with the separator of the language."""
    return pgettext("between the parts of a list", ", ").join(map(str, parts))


@register.filter
def tone(value):
    """The tone of a word for a state: ok, warn, bad, info or ''."""
    word = str(value).lower()
    return next((name for name, words in TONES.items() if word in words), "")


@register.filter
def step(message, name):
    """The URL of a button of a notice, from its tag `<name>:…`; '' without one."""
    tags = (message.extra_tags or "").split()
    return next((tag.removeprefix(f"{name}:") for tag in tags if tag.startswith(f"{name}:")), "")


@register.simple_tag(takes_context=True)
def filter_query(context):
    """
    The filters of this page as a normalized query string, without page and sorting.

    A selection is kept across pages and sorting, but not when filters change.
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
    """Draw a link of the navigation, marked if it is the page's `nav`."""
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
