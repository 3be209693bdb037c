# One bucket is the store: `--store gs://BUCKET/PREFIX` names one place, and its folders are the layers. Each is a managed folder with rights
# of its own.

locals {
  store_uri = "gs://${google_storage_bucket.store.name}/${var.store_prefix}"

  # Folder by folder who may do what; see "A home" in ARCHITECTURE.md.
  appender = google_project_iam_custom_role.appender.name
  folder_roles = {
    raw        = { consumer = local.appender, extract = "roles/storage.objectViewer", transform = "roles/storage.objectViewer", spark = "roles/storage.objectViewer" }
    quarantine = { consumer = "roles/storage.objectUser", extract = "roles/storage.objectUser", transform = "roles/storage.objectUser", spark = "roles/storage.objectUser" }
    dropped    = { consumer = "roles/storage.objectViewer", extract = "roles/storage.objectViewer", transform = "roles/storage.objectViewer", spark = "roles/storage.objectViewer" }
    mended     = { consumer = "roles/storage.objectViewer", transform = "roles/storage.objectViewer", spark = "roles/storage.objectViewer" }
    pending    = { extract = "roles/storage.objectUser" }
    bronze     = { transform = "roles/storage.objectUser", spark = "roles/storage.objectUser" }
    gold       = { transform = "roles/storage.objectUser", spark = "roles/storage.objectUser" }
  }
  folder_members = merge([
    for folder, roles in local.folder_roles : {
      for role, name in roles : "${folder}/${role}" => { folder = folder, role = role, name = name } if role != "spark" || var.spark_enabled
    }
  ]...)
}

resource "google_storage_bucket" "store" {
  # checkov:skip=CKV_GCP_78:soft delete brings back what was deleted by mistake, and ends
  name                        = "${var.project}-${var.name}-store"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  # Raw pages are put once; soft delete brings back what a person deletes by mistake, and ends, which `sargam purge` relies on. Versions
  # would not end, so there are none.
  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  versioning {
    enabled = false
  }

  # Read again only when a month is rebuilt.
  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
    condition {
      age                   = 90
      matches_prefix        = ["${var.store_prefix}/raw/"]
      matches_storage_class = ["STANDARD"]
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.raw_keep_days > 0 ? [var.raw_keep_days] : []

    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["${var.store_prefix}/raw/"]
      }
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 2
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_storage_managed_folder" "layer" {
  for_each = local.folder_roles

  bucket        = google_storage_bucket.store.name
  name          = "${var.store_prefix}/${each.key}/"
  force_destroy = !var.deletion_protection
}

resource "google_storage_managed_folder_iam_member" "layer" {
  for_each = local.folder_members

  bucket         = google_storage_bucket.store.name
  managed_folder = google_storage_managed_folder.layer[each.value.folder].name
  role           = each.value.name
  member         = each.value.role == "spark" ? google_service_account.spark[0].member : google_service_account.role[each.value.role].member
}

resource "google_storage_bucket_iam_member" "operator" {
  for_each = toset(var.operators)

  bucket = google_storage_bucket.store.name
  role   = "roles/storage.objectUser"
  member = each.key
}

# What Spark and Airflow run: old versions are kept, so that a job can be run as it was.
resource "google_storage_bucket" "code" {
  name                        = "${var.project}-${var.name}-code"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
      num_newer_versions         = 3
    }
  }

  depends_on = [google_project_service.api]
}
