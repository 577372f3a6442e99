from django.urls import include, path

from handover.views import mail, sheet

app_name = "handover"

# /customers/<slug>/batches/<id>/sheet/
of_sheet = [
    path("", sheet.show, name="sheet"),
    path("print/", sheet.print_sheet, name="print_sheet"),
    path("download/", sheet.download, name="download_sheet"),
    path("mail/", mail.mail, name="mail_sheet"),
    path("handed-over/", sheet.hand_over, name="hand_over"),
]

urlpatterns = [
    path("customers/<slug:slug>/batches/<uuid:batch_id>/sheet/", include(of_sheet)),
    path("link/<str:token>/", mail.link, name="link"),
]
