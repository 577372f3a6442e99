from django.urls import path

from users.my import views

app_name = "my"

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("password/", views.choose_password, name="password"),
    path("sign-out/", views.sign_out, name="sign_out"),
]
