"""How pages answer that every app above needs alike."""

from partners.pages import render_form

__all__ = ["render_form"]
