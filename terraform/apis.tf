locals {
  apis = concat(
    [
      "artifactregistry.googleapis.com",
      "bigquery.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "cloudscheduler.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.billing_account != "" ? ["billingbudgets.googleapis.com"] : [],
    var.spark_enabled ? ["compute.googleapis.com", "dataproc.googleapis.com"] : [],
    var.airflow_enabled ? ["composer.googleapis.com"] : [],
    var.ci_repository != "" ? ["sts.googleapis.com"] : [],
  )
}

# Others in the project may use them: what this folder goes away for stays switched on.
resource "google_project_service" "api" {
  for_each = toset(local.apis)

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}
