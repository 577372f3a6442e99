from django import template

from batches.acts import texts_of

register = template.Library()


@register.filter
def act_label(batch):
    """What a batch does, in a few words."""
    return texts_of(batch).label
