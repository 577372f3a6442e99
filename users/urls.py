from django.urls import include, path

from batches.acts import get_acts
from users.views import acts, add, batch, edit, export, licenses, one
from users.views import list as users

app_name = "users"

offered = [act for act in get_acts() if act.offer]

# /customers/<slug>/users/
of_users = [
    path("", users.list_users, name="list"),
    path("add/", add.add, name="add"),
    path("add/name/", add.check_name, name="check_name"),
    path("export/list.<file_kind:kind>", export.export, name="export"),
    path("<uuid:user_id>/", users.show_user, name="user"),
    path("<uuid:user_id>/edit/", edit.edit, name="edit"),
    path(
        "<uuid:user_id>/waiting/<uuid:subscription_id>/stop/",
        licenses.stop_waiting,
        name="stop_waiting",
    ),
    *(
        path(f"{act.offer.path}/", acts.view_of(act), name=act.offer.name or act.offer.path)
        for act in offered
    ),
    *(
        path(f"<uuid:user_id>/{act.offer.path}/", one.view_of(act), name=f"{act.offer.path}_one")
        for act in offered
        if act.offer.is_for_one
    ),
]

# /customers/<slug>/batches/<id>/: what the page of a batch offers to do with its users
of_batch = [
    path("finish/", add.finish, name="finish_set"),
    path("restore/", batch.restore_deleted, name="restore_deleted"),
    path("unblock/", batch.unblock_blocked, name="unblock_blocked"),
    path("undo/", batch.undo, name="undo"),
    path("seen/", batch.mark_seen, name="mark_seen"),
    path("rename/", batch.rename_restored, name="rename_restored"),
    path("result.<file_kind:kind>", export.result, name="result"),
]

urlpatterns = [
    path("customers/<slug:slug>/users/", include(of_users)),
    path("customers/<slug:slug>/batches/<uuid:batch_id>/", include(of_batch)),
]
