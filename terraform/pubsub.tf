# The names and the filter are those of src/raw/extract.h.

locals {
  days_31 = "2678400s"
}

resource "google_pubsub_topic" "etl" {
  name = "Spotify-etl"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "dead" {
  name = "Spotify-etl-dead"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.api]
}

resource "google_pubsub_subscription" "raw" {
  name                       = "spotify-raw"
  topic                      = google_pubsub_topic.etl.id
  filter                     = "attributes.type = \"playlist_page\" OR attributes.type = \"playlist\" OR attributes.type = \"snapshot_complete\""
  ack_deadline_seconds       = var.ack_deadline_s
  message_retention_duration = local.days_31

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = var.delivery_attempts_max
  }

  # Without an image there is nobody to push to: messages wait.
  dynamic "push_config" {
    for_each = local.deployed ? [local.consumer_url] : []

    content {
      push_endpoint = "${push_config.value}/push"

      oidc_token {
        service_account_email = google_service_account.role["push"].email
        audience              = push_config.value
      }
    }
  }

  depends_on = [
    google_pubsub_subscription.dead,
    google_pubsub_topic_iam_member.agent_dead,
    google_cloud_run_v2_service.consumer,
  ]
}

# A dead-letter topic nobody is subscribed to loses what it gets.
resource "google_pubsub_subscription" "dead" {
  name                       = "spotify-dead"
  topic                      = google_pubsub_topic.dead.id
  ack_deadline_seconds       = 60
  message_retention_duration = local.days_31

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
}

# Pub/Sub itself moves dead letters and signs pushes, as its agent of this project.
resource "google_project_service_identity" "pubsub" {
  provider = google-beta

  project    = var.project
  service    = "pubsub.googleapis.com"
  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic_iam_member" "agent_dead" {
  topic  = google_pubsub_topic.dead.id
  role   = "roles/pubsub.publisher"
  member = google_project_service_identity.pubsub.member
}

resource "google_pubsub_subscription_iam_member" "agent_raw" {
  subscription = google_pubsub_subscription.raw.id
  role         = "roles/pubsub.subscriber"
  member       = google_project_service_identity.pubsub.member
}

# Agents made before April 2021 have not got it with their own role.
resource "google_service_account_iam_member" "agent_push" {
  service_account_id = google_service_account.role["push"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_project_service_identity.pubsub.member
}

resource "google_pubsub_topic_iam_member" "extract" {
  topic  = google_pubsub_topic.etl.id
  role   = "roles/pubsub.publisher"
  member = google_service_account.role["extract"].member
}

resource "google_pubsub_subscription_iam_member" "operator_dead" {
  for_each = toset(var.operators)

  subscription = google_pubsub_subscription.dead.id
  role         = "roles/pubsub.subscriber"
  member       = each.key
}

# `sargam dead replay` sends a message again.
resource "google_pubsub_topic_iam_member" "operator" {
  for_each = toset(var.operators)

  topic  = google_pubsub_topic.etl.id
  role   = "roles/pubsub.publisher"
  member = each.key
}
