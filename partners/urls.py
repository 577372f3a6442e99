from django.urls import path

from partners import views

app_name = "partners"

urlpatterns = [
    path("members/", views.members, name="members"),
    path("members/roles/", views.roles, name="roles"),
    path("members/invite/", views.invite, name="invite"),
    path("members/invitations/<uuid:invitation_id>/resend/", views.resend, name="resend"),
    path("members/invitations/<uuid:invitation_id>/withdraw/", views.withdraw, name="withdraw"),
    path("members/<uuid:member_id>/", views.member, name="member"),
    path("members/<uuid:member_id>/role/", views.change_role, name="change_role"),
    path("members/<uuid:member_id>/deactivate/", views.deactivate, name="deactivate"),
    path("members/<uuid:member_id>/reactivate/", views.reactivate, name="reactivate"),
    path("members/<uuid:member_id>/factor/", views.reset_factor, name="reset_factor"),
    path("invitation/<str:token>/", views.invitation, name="invitation"),
    # the member's own
    path("profile/address/", views.address, name="address"),
    path("profile/address/<str:token>/", views.confirm_address, name="confirm_address"),
]
