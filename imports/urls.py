from django.urls import include, path

from imports.views import multi_upload, paste, repair, selection, upload

app_name = "imports"

# /customers/<slug>/users/
of_users = [
    path("import/", upload.upload, name="upload"),
    path("import/paste/", paste.paste, name="paste"),
    path("import/paste/check/", paste.check, name="check_pasted"),
    path("select/", selection.select, name="select"),
    path("select/<uuid:selection_id>/", selection.selection, name="selection"),
    path(
        "select/<uuid:selection_id>/not-found.<file_kind:kind>",
        selection.names,
        name="unmatched_names",
    ),
    path("import/template/<str:language>.<file_kind:kind>", upload.template, name="template"),
    path(
        "export/template-<str:language>.<file_kind:kind>",
        upload.filled_template,
        name="export_to_import",
    ),
]

# /customers/<slug>/batches/<id>/
of_batch = [
    path("settings/", upload.change, name="settings"),
    path("rows/", upload.read_rows, name="read_rows"),
    path("repair/", repair.repair_all, name="repair_all"),
    path("repair/suggestions/", repair.apply_suggestions, name="apply_suggestions"),
    path("repair/stop/", repair.stop_repair, name="stop_repair"),
    path("lines/<int:number>/", repair.repair_line, name="repair_line"),
    path("lines/<int:number>/leave-out/", repair.skip_line, name="skip_line"),
    path("lines/<int:number>/take-back/", repair.include_line, name="include_line"),
    path("failed.<file_kind:kind>", upload.failed, name="failed_rows"),
]

urlpatterns = [
    path("import/", multi_upload.upload, name="upload_many"),
    path("import/<uuid:upload_id>/", multi_upload.multi_upload, name="multi_upload"),
    path("import/<uuid:upload_id>/start/", multi_upload.start, name="start_imports"),
    path(
        "import/<uuid:upload_id>/errors.<file_kind:kind>",
        multi_upload.unmatched_rows,
        name="unmatched_rows",
    ),
    path("customers/<slug:slug>/users/", include(of_users)),
    path("customers/<slug:slug>/batches/<uuid:batch_id>/", include(of_batch)),
]
