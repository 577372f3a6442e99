"""The portal's addresses with the style guide, which is otherwise there only while DEBUG is on."""

from django.urls import path

from portal.styleguide import styleguide
from portal.urls import *  # noqa: F403
from portal.urls import urlpatterns

urlpatterns = [*urlpatterns, path("styleguide/", styleguide)]
