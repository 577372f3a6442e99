from django.urls import include, path

from licensing import views

app_name = "licensing"

# /customers/<slug>/subscriptions/
of_subscriptions = [
    path("", views.subscriptions, name="subscriptions"),
    path("add/", views.add_subscription, name="add_subscription"),
    path("<uuid:subscription_id>/", views.change_subscription, name="change_subscription"),
]

# /catalog/
of_catalog = [
    path("", views.catalog, name="catalog"),
    path("add/", views.add_product, name="add_product"),
    path("<uuid:product_id>/", views.product, name="product"),
    path("<uuid:product_id>/edit/", views.edit_product, name="edit_product"),
]

urlpatterns = [
    path("catalog/", include(of_catalog)),
    path("customers/<slug:slug>/subscriptions/", include(of_subscriptions)),
]
