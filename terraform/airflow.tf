# Managed Airflow (Cloud Composer 3), the smallest there is. Its DAG starts the extraction, the Spark jobs and the transform job; the files come
# into its own bucket (output airflow_dags).

resource "google_service_account" "airflow" {
  count = var.airflow_enabled ? 1 : 0

  account_id   = "${var.name}-airflow"
  display_name = "${var.name}: runs the DAG"
  depends_on   = [google_project_service.api]
}

resource "google_project_iam_member" "airflow" {
  for_each = var.airflow_enabled ? toset(["roles/composer.worker", "roles/dataproc.editor"]) : toset([])

  project = var.project
  role    = each.key
  member  = google_service_account.airflow[0].member
}

# Spark jobs run as their own identity.
resource "google_service_account_iam_member" "airflow_spark" {
  count = var.airflow_enabled ? 1 : 0

  service_account_id = google_service_account.spark[0].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.airflow[0].member
}

# The extractor takes tokens of the schedule's identity only: the DAG asks for them.
resource "google_service_account_iam_member" "airflow_schedule" {
  count = var.airflow_enabled ? 1 : 0

  service_account_id = google_service_account.role["schedule"].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.airflow[0].member
}

resource "google_cloud_run_v2_job_iam_member" "airflow" {
  count = var.airflow_enabled && local.deployed ? 1 : 0

  name     = google_cloud_run_v2_job.transform[0].name
  location = var.region
  role     = "roles/run.jobsExecutor"
  member   = google_service_account.airflow[0].member
}

resource "google_composer_environment" "airflow" {
  count = var.airflow_enabled ? 1 : 0

  name   = "${var.name}-airflow"
  region = var.region

  config {
    environment_size = "ENVIRONMENT_SIZE_SMALL"

    software_config {
      image_version = var.airflow_image_version

      env_variables = {
        PIPELINE_PROJECT     = var.project
        PIPELINE_REGION      = var.region
        PIPELINE_EXTRACT_URL = local.extract_url
        PIPELINE_JOB         = "${var.name}-transform"
        PIPELINE_CODE        = google_storage_bucket.code.url
        PIPELINE_STAGING     = google_storage_bucket.staging[0].name
        PIPELINE_SPARK_AS    = google_service_account.spark[0].email
        PIPELINE_SPARK_NET   = google_compute_subnetwork.spark[0].id
      }
    }

    workloads_config {
      scheduler {
        count      = 1
        cpu        = 0.5
        memory_gb  = 2
        storage_gb = 1
      }
      dag_processor {
        count      = 1
        cpu        = 0.5
        memory_gb  = 2
        storage_gb = 1
      }
      triggerer {
        count     = 1
        cpu       = 0.5
        memory_gb = 1
      }
      web_server {
        cpu        = 0.5
        memory_gb  = 2
        storage_gb = 1
      }
      worker {
        min_count  = 1
        max_count  = 2
        cpu        = 0.5
        memory_gb  = 2
        storage_gb = 1
      }
    }

    # From inside the project's network, which the extractor's ingress asks for.
    node_config {
      service_account = google_service_account.airflow[0].email
      network         = google_compute_network.spark[0].id
      subnetwork      = google_compute_subnetwork.spark[0].id
    }
  }

  depends_on = [google_project_iam_member.airflow]
}
