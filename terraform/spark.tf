# What Dataproc Serverless (Managed Service for Apache Spark) needs around its jobs: they are submitted, not made here. The jobs' files lie in
# the code bucket under spark/.

resource "google_compute_network" "spark" {
  count = var.spark_enabled ? 1 : 0

  name                    = "${var.name}-spark"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.api]
}

# Jobs have no address that the internet knows: they reach Google's APIs by private access, and nothing else.
resource "google_compute_subnetwork" "spark" {
  count = var.spark_enabled ? 1 : 0

  name                     = "${var.name}-spark"
  region                   = var.region
  network                  = google_compute_network.spark[0].id
  ip_cidr_range            = var.spark_subnet_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# Driver and executors talk on any port with each other.
resource "google_compute_firewall" "spark" {
  count = var.spark_enabled ? 1 : 0

  name                    = "${var.name}-spark-inside"
  network                 = google_compute_network.spark[0].id
  direction               = "INGRESS"
  source_ranges           = [var.spark_subnet_range]
  target_service_accounts = [google_service_account.spark[0].email]

  allow {
    protocol = "all"
  }
}

resource "google_service_account" "spark" {
  count = var.spark_enabled ? 1 : 0

  account_id   = "${var.name}-spark"
  display_name = "${var.name}: runs the Spark jobs"
  depends_on   = [google_project_service.api]
}

resource "google_project_iam_member" "spark" {
  for_each = var.spark_enabled ? toset(["roles/dataproc.worker", "roles/bigquery.jobUser"]) : toset([])

  project = var.project
  role    = each.key
  member  = google_service_account.spark[0].member
}

resource "google_bigquery_dataset_iam_member" "spark" {
  count = var.spark_enabled ? 1 : 0

  dataset_id = google_bigquery_dataset.analytics.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.spark[0].member
}

resource "google_storage_bucket_iam_member" "spark_code" {
  count = var.spark_enabled ? 1 : 0

  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.spark[0].member
}

# Dependencies and scratch of jobs: nothing that has to last.
resource "google_storage_bucket" "staging" {
  # checkov:skip=CKV_GCP_78:nothing in it has to last
  count = var.spark_enabled ? 1 : 0

  name                        = "${var.project}-${var.name}-staging"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket_iam_member" "spark_staging" {
  count = var.spark_enabled ? 1 : 0

  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.objectUser"
  member = google_service_account.spark[0].member
}
