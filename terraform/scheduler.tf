# Cloud Scheduler tries once unless it is told otherwise. A service is called with an ID token made out to it, the API that starts a job
# with an access token.

resource "google_cloud_scheduler_job" "extract" {
  count = local.deployed && !var.airflow_enabled ? 1 : 0

  name             = "${var.name}-extract"
  description      = "Takes snapshots of the playlists"
  region           = var.region
  schedule         = var.extract_schedule
  time_zone        = var.time_zone
  attempt_deadline = "1800s"

  retry_config {
    retry_count          = 5
    min_backoff_duration = "60s"
    max_backoff_duration = "1800s"
    max_doublings        = 5
  }

  http_target {
    http_method = "POST"
    uri         = "${local.extract_url}/extract"

    oidc_token {
      service_account_email = google_service_account.role["schedule"].email
      audience              = local.extract_url
    }
  }

  depends_on = [google_cloud_run_v2_service.extract]
}

resource "google_cloud_scheduler_job" "transform" {
  count = local.deployed && !var.airflow_enabled ? 1 : 0

  name             = "${var.name}-transform"
  description      = "Makes the charts of the snapshots that have come"
  region           = var.region
  schedule         = var.transform_schedule
  time_zone        = var.time_zone
  attempt_deadline = "180s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "30s"
    max_backoff_duration = "600s"
    max_doublings        = 4
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.transform[0].id}:run"

    oauth_token {
      service_account_email = google_service_account.role["schedule"].email
      scope                 = "https://www.googleapis.com/auth/cloud-platform"
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.schedule]
}

resource "google_cloud_run_v2_job_iam_member" "schedule" {
  count = local.deployed ? 1 : 0

  name     = google_cloud_run_v2_job.transform[0].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.role["schedule"].member
}
