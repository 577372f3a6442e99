from django.urls import include, path

from users.views import acts, add, edit, export, licenses
from users.views import list as users

app_name = "users"

# /customers/<slug>/users/
of_users = [
    path("", users.list_users, name="list"),
    path("add/", add.add, name="add"),
    path("add/name/", add.check_name, name="check_name"),
    path("reset/", acts.reset, name="reset"),
    path("licenses/", licenses.manage, name="licenses"),
    path("block/", acts.block, name="block"),
    path("unblock/", acts.unblock, name="unblock"),
    path("delete/", acts.delete, name="delete"),
    path("restore/", acts.restore, name="restore"),
    path("purge/", acts.purge, name="purge"),
    path("hold/", acts.hold, name="hold"),
    path("export/list.<file_kind:kind>", export.export, name="export"),
    path("edit/", edit.edit_many, name="edit_many"),
    path("<uuid:user_id>/", users.show_user, name="user"),
    path("<uuid:user_id>/edit/", edit.edit, name="edit"),
    path(
        "<uuid:user_id>/waiting/<uuid:subscription_id>/stop/",
        licenses.stop_waiting,
        name="stop_waiting",
    ),
]

# /customers/<slug>/batches/<id>/: what the page of a batch offers to do with its users
of_batch = [
    path("finish/", add.finish, name="finish_set"),
    path("restore/", acts.restore_deleted, name="restore_deleted"),
    path("unblock/", acts.unblock_blocked, name="unblock_blocked"),
    path("undo/", acts.undo, name="undo"),
    path("seen/", acts.mark_seen, name="mark_seen"),
    path("rename/", acts.rename_restored, name="rename_restored"),
    path("result.<file_kind:kind>", export.result, name="result"),
]

urlpatterns = [
    path("customers/<slug:slug>/users/", include(of_users)),
    path("customers/<slug:slug>/batches/<uuid:batch_id>/", include(of_batch)),
]
