from django.urls import include, path

from batches import views

app_name = "batches"

# /customers/<slug>/batches/<id>/
of_batch = [
    path("", views.batch, name="batch"),
    path("start/", views.start, name="start"),
    path("note/", views.note, name="note"),
    path("cancel/", views.cancel, name="cancel"),
    path("pause/", views.pause, name="pause"),
    path("resume/", views.resume, name="resume"),
    path("stop/", views.stop, name="stop"),
    path("retry/", views.retry, name="retry"),
]

urlpatterns = [
    path("batches/", views.all_batches, name="all"),
    path("customers/<slug:slug>/batches/", views.customer_batches, name="of_customer"),
    path("customers/<slug:slug>/batches/<uuid:batch_id>/", include(of_batch)),
]
