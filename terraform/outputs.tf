output "image_repository" {
  description = "Where images are pushed to: append /sargam:VERSION."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "bus" {
  description = "The setting bus."
  value       = "pubsub://${var.project}"
}

output "store" {
  description = "The setting store."
  value       = local.store_uri
}

output "warehouse" {
  description = "The setting warehouse."
  value       = local.home.SARGAM_WAREHOUSE
}

output "acceptance_query" {
  description = "The current charts, for bq query."
  value       = "SELECT * FROM `${var.project}.${google_bigquery_dataset.analytics.dataset_id}.TRACK_INFO` ORDER BY artist_name"
}

output "secrets" {
  description = "The secrets whose versions are added by hand."
  value       = [google_secret_manager_secret.spotify_client_secret.secret_id, google_secret_manager_secret.spotify_refresh_token.secret_id]
}

output "topic" {
  description = "The topic."
  value       = google_pubsub_topic.etl.name
}

output "subscriptions" {
  description = "The filtered subscription and that of the dead letters."
  value       = { raw = google_pubsub_subscription.raw.name, dead = google_pubsub_subscription.dead.name }
}

output "services" {
  description = "The services' addresses; empty without an image. They answer requests of this project's Pub/Sub and Scheduler only."
  value       = local.deployed ? { extract = google_cloud_run_v2_service.extract[0].uri, consumer = google_cloud_run_v2_service.consumer[0].uri } : {}
}

output "job" {
  description = "The transform job; null without an image."
  value       = local.deployed ? google_cloud_run_v2_job.transform[0].name : null
}

output "identities" {
  description = "The service account of each role."
  value       = { for role, account in google_service_account.role : role => account.email }
}

output "code" {
  description = "Where the files of Spark jobs lie."
  value       = google_storage_bucket.code.url
}

output "spark" {
  description = "What a Spark job is submitted with; null when Spark is off."
  value = var.spark_enabled ? {
    service_account = google_service_account.spark[0].email
    subnet          = google_compute_subnetwork.spark[0].id
    staging         = google_storage_bucket.staging[0].name
  } : null
}

output "airflow_dags" {
  description = "Where the DAG's file goes; null when Airflow is off."
  value       = var.airflow_enabled ? google_composer_environment.airflow[0].config[0].dag_gcs_prefix : null
}

output "ci" {
  description = "What the workflow signs in with; null without a repository."
  value       = var.ci_repository != "" ? { provider = google_iam_workload_identity_pool_provider.github[0].name, service_account = google_service_account.ci[0].email } : null
}
