from django.conf import settings
from django.urls import include, path

from portal.views import front, log, members, staff

handler400 = "portal.views.errors.bad_request"
handler403 = "portal.views.errors.forbidden"
handler404 = "portal.views.errors.not_found"
# The name that allauth looks up.
handler429 = "portal.views.errors.too_many"
handler500 = "portal.views.errors.server_error"

portal_urls = [
    path("", front.home, name="home"),
    path("search/", front.search, name="search"),
    # /customers/
    path("customers/", front.customers, name="customers"),
    path("customers/<slug:slug>/", front.customer, name="customer"),
    path("customers/<slug:slug>/activity/", log.customer_activity, name="customer_activity"),
    # what was done
    path("activity/", log.activity, name="activity"),
    path("activity/export.<file_kind:kind>", log.export, name="export_activity"),
    # staff
    path("members/<uuid:member_id>/customers/", staff.choose_customers, name="member_customers"),
    # the member's own
    path("language/", members.language, name="language"),
    path("profile/", members.profile, name="profile"),
]

urlpatterns = [
    # Before the pages of one customer, as "add" would be its name.
    path("", include("customers.urls")),
    path("", include("licensing.urls")),
    path("", include("partners.urls")),
    path("", include((portal_urls, "portal"))),
    path("", include("batches.urls")),
    path("", include("users.urls")),
    path("", include("imports.urls")),
    path("", include("handover.urls")),
    path("my/", include("users.my.urls")),
    path("accounts/", include("partners.account_urls")),
]

if settings.DEBUG:
    from portal.styleguide import styleguide

    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))

if settings.IS_DEMO:
    from portal.views import demo

    urlpatterns.append(path("demo/mail/", demo.mails, name="demo_mail"))
