from django.urls import include, path

from customers import views

app_name = "customers"

# /customers/<slug>/domains/
of_domains = [
    path("", views.domains, name="domains"),
    path("add/", views.add_domain, name="add_domain"),
    path("<uuid:domain_id>/mark/", views.mark_domain, name="mark_domain"),
    path("<uuid:domain_id>/default/", views.make_default, name="make_default"),
    path("<uuid:domain_id>/remove/", views.remove_domain, name="remove_domain"),
]

# /customers/<slug>/settings/
of_settings = [
    path("", views.settings, name="settings"),
    path("details/", views.edit_details, name="edit_details"),
    path("policies/", views.change_policies, name="change_policies"),
    path("notes/", views.edit_notes, name="edit_notes"),
    path("archive/", views.archive, name="archive"),
    path("reactivate/", views.reactivate, name="reactivate"),
]

urlpatterns = [
    path("customers/add/", views.add, name="add"),
    path("customers/<slug:slug>/domains/", include(of_domains)),
    path("customers/<slug:slug>/settings/", include(of_settings)),
]
