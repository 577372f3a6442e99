from django.urls import include, path

from .views import (
    adding,
    batches,
    blocking,
    bundles,
    deleting,
    editing,
    exporting,
    handovers,
    holding,
    importing,
    licenses,
    repairing,
    resetting,
    restoring,
    sheets,
    undoing,
)
from .views import lists as users

app_name = "users"

# /customers/<slug>/users/
of_users = [
    path("", users.list_users, name="list"),
    path("add/", adding.add, name="add"),
    path("add/name/", adding.check_name, name="check_name"),
    path("import/", importing.upload, name="import"),
    path("import/template/<str:language>.<str:kind>", importing.template, name="template"),
    path("reset/", resetting.reset, name="reset"),
    path("licenses/", licenses.manage, name="licenses"),
    path("block/", blocking.block, name="block"),
    path("unblock/", blocking.unblock, name="unblock"),
    path("delete/", deleting.delete, name="delete"),
    path("restore/", restoring.restore, name="restore"),
    path("purge/", deleting.purge, name="purge"),
    path("hold/", holding.hold, name="hold"),
    path("export/list.<str:kind>", exporting.export, name="export"),
    path(
        "export/template-<str:language>.<str:kind>",
        exporting.export_to_import,
        name="export_to_import",
    ),
    path("edit/", editing.edit_many, name="edit_many"),
    path("<uuid:user_id>/", users.show_user, name="user"),
    path("<uuid:user_id>/edit/", editing.edit, name="edit"),
    path(
        "<uuid:user_id>/waiting/<uuid:subscription_id>/stop/",
        licenses.stop_waiting,
        name="stop_waiting",
    ),
]

# /customers/<slug>/batches/<id>/
of_batch = [
    path("", batches.batch, name="batch"),
    path("finish/", adding.finish, name="finish_set"),
    path("start/", batches.start, name="start"),
    path("note/", batches.note, name="note"),
    path("seen/", batches.mark_seen, name="mark_seen"),
    path("cancel/", batches.cancel, name="cancel"),
    path("pause/", batches.pause, name="pause"),
    path("resume/", batches.resume, name="resume"),
    path("stop/", batches.stop, name="stop"),
    path("retry/", batches.retry, name="retry"),
    path("restore/", restoring.restore_deleted, name="restore_deleted"),
    path("unblock/", blocking.unblock_blocked, name="unblock_blocked"),
    path("undo/", undoing.undo, name="undo"),
    path("rename/", restoring.rename_restored, name="rename_restored"),
    path("settings/", importing.change, name="import_settings"),
    path("repair/", repairing.repair_all, name="repair_all"),
    path("repair/stop/", repairing.stop_repair, name="stop_repair"),
    path("lost-repairs.<str:kind>", repairing.lost, name="lost_repairs"),
    path("lines/<int:number>/", repairing.repair_line, name="repair_line"),
    path("lines/<int:number>/leave-out/", repairing.leave_out, name="leave_out"),
    path("lines/<int:number>/take-back/", repairing.take_back, name="take_back"),
    path("failed.<str:kind>", importing.failed, name="failed_rows"),
    path("result.<str:kind>", exporting.result, name="result"),
    path("sheet/", sheets.show, name="sheet"),
    path("sheet/print/", sheets.print_sheet, name="print_sheet"),
    path("sheet/download/", sheets.download, name="download_sheet"),
    path("sheet/mail/", handovers.mail, name="mail_sheet"),
    path("sheet/handed-over/", sheets.hand_over, name="hand_over"),
]

urlpatterns = [
    path("batches/", batches.all_batches, name="all_batches"),
    path("import/", bundles.upload, name="import_many"),
    path("import/<uuid:bundle_id>/", bundles.bundle, name="bundle"),
    path("import/<uuid:bundle_id>/start/", bundles.start, name="start_bundle"),
    path("import/<uuid:bundle_id>/errors.<str:kind>", bundles.strays, name="strays"),
    path("customers/<slug:slug>/users/", include(of_users)),
    path("customers/<slug:slug>/batches/", batches.customer_batches, name="customer_batches"),
    path("customers/<slug:slug>/batches/<uuid:batch_id>/", include(of_batch)),
    path("link/<str:token>/", handovers.link, name="link"),
]
