# One image in three roles. Nothing that matters lies on an instance's disk, which is its memory.

locals {
  # Known before the services are, and so to the services themselves: tokens are made out to them.
  url_tail     = "${data.google_project.this.number}.${var.region}.run.app"
  extract_url  = "https://${var.name}-extract-${local.url_tail}"
  consumer_url = "https://${var.name}-consumer-${local.url_tail}"

  home = {
    SARGAM_HOME             = "/data"
    SARGAM_BUS              = "pubsub://${var.project}"
    SARGAM_STORE            = local.store_uri
    SARGAM_WAREHOUSE        = "bigquery://${var.project}/${google_bigquery_dataset.analytics.dataset_id}"
    SARGAM_CHART_UTC_OFFSET = var.chart_utc_offset
    GOOGLE_CLOUD_PROJECT    = var.project
  }
  service = merge(local.home, {
    SARGAM_SERVE_ADDRESS = "0.0.0.0"
  })
  # Cloud Scheduler has the schedule.
  serve = ["--log-format", "json", "serve", "--port", "8080", "--schedule", ""]

  extract_env = merge(local.service, {
    SARGAM_SOURCE              = "spotify"
    SARGAM_PLAYLISTS           = join(",", var.playlists)
    SARGAM_SPOTIFY_CLIENT_ID   = var.spotify_client_id
    SARGAM_SERVE_OIDC_AUDIENCE = local.extract_url
    SARGAM_SERVE_OIDC_EMAILS   = google_service_account.role["schedule"].email
  })
  extract_secrets = merge(
    { SARGAM_SPOTIFY_CLIENT_SECRET = { name = google_secret_manager_secret.spotify_client_secret.secret_id, version = var.spotify_client_secret_version } },
    var.spotify_user_login ? {
      SARGAM_SPOTIFY_REFRESH_TOKEN = { name = google_secret_manager_secret.spotify_refresh_token.secret_id, version = var.spotify_refresh_token_version }
    } : {},
  )

  consumer_env = merge(local.service, {
    SARGAM_SERVE_OIDC_AUDIENCE = local.consumer_url
    SARGAM_SERVE_OIDC_EMAILS   = google_service_account.role["push"].email
  })

  transform_env = merge(local.home, {
    SARGAM_MEMORY_LIMIT_MB = tostring(var.transform_memory_gib * 512)
  })
}

resource "google_artifact_registry_repository" "images" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Container images of ${var.name}"

  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "keep-ten"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.api]
}

# Who may call is checked by sargam: signature, audience and address of the ID token (serve_oidc_audience, serve_oidc_emails). When Cloud Run
# checks it takes the signature off the token before the container sees it, so that only one of the two can; and this one does not hang on
# every caller's rights alone. Requests come from this project's Pub/Sub and Scheduler only: that is what internal means here.
resource "google_cloud_run_v2_service" "extract" {
  count = local.deployed ? 1 : 0

  name                 = "${var.name}-extract"
  location             = var.region
  description          = "POST /extract: takes snapshots and publishes them"
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = true
  custom_audiences     = [local.extract_url]
  deletion_protection  = var.deletion_protection

  template {
    service_account                  = google_service_account.role["extract"].email
    timeout                          = "1800s"
    max_instance_request_concurrency = 5

    # One reads Spotify at a time; others wait for their turn in the same instance.
    scaling {
      min_instance_count = 0
      max_instance_count = 1
    }

    containers {
      image = var.image
      args  = local.serve

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "1Gi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.extract_env

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.extract_secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.name
              version = env.value.version
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 2
        failure_threshold = 30

        http_get {
          path = "/healthz"
          port = 8080
        }
      }

      liveness_probe {
        period_seconds    = 30
        failure_threshold = 3
        timeout_seconds   = 10

        http_get {
          path = "/healthz"
          port = 8080
        }
      }
    }
  }

  depends_on = [
    google_pubsub_topic_iam_member.extract,
    google_secret_manager_secret_iam_member.spotify_client_secret,
    google_secret_manager_secret_iam_member.spotify_refresh_token,
    google_storage_managed_folder_iam_member.layer,
  ]
}

resource "google_cloud_run_v2_service" "consumer" {
  count = local.deployed ? 1 : 0

  name                 = "${var.name}-consumer"
  location             = var.region
  description          = "POST /push: stores what the topic delivers"
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = true
  custom_audiences     = [local.consumer_url]
  deletion_protection  = var.deletion_protection

  template {
    service_account = google_service_account.role["consumer"].email
    timeout         = "${var.ack_deadline_s}s"
    # As many as it works on side by side; each takes up to 50 MB.
    max_instance_request_concurrency = 8

    scaling {
      min_instance_count = 0
      max_instance_count = var.consumer_instances_max
    }

    containers {
      image = var.image
      args  = local.serve

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "1Gi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.consumer_env

        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 2
        failure_threshold = 30

        http_get {
          path = "/healthz"
          port = 8080
        }
      }

      liveness_probe {
        period_seconds    = 30
        failure_threshold = 3
        timeout_seconds   = 10

        http_get {
          path = "/healthz"
          port = 8080
        }
      }
    }
  }

  depends_on = [google_storage_managed_folder_iam_member.layer]
}

resource "google_cloud_run_v2_job" "transform" {
  count = local.deployed ? 1 : 0

  name                = "${var.name}-transform"
  location            = var.region
  deletion_protection = var.deletion_protection

  template {
    task_count  = 1
    parallelism = 1

    template {
      service_account = google_service_account.role["transform"].email
      timeout         = "3600s"
      max_retries     = 2

      containers {
        image = var.image
        args  = ["--log-format", "json", "run", "--from", "bronze"]

        resources {
          limits = {
            cpu    = var.transform_memory_gib > 8 ? "4" : "2"
            memory = "${var.transform_memory_gib}Gi"
          }
        }

        dynamic "env" {
          for_each = local.transform_env

          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }

  depends_on = [
    google_project_iam_member.transform_jobs,
    google_bigquery_dataset_iam_member.transform,
    google_storage_managed_folder_iam_member.layer,
  ]
}
