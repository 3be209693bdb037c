# The secrets' names only. Their values are versions that a person adds (docs/google-cloud.md), so that no state and no plan holds one.

resource "google_secret_manager_secret" "spotify_client_secret" {
  secret_id = "${var.name}-spotify-client-secret"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret" "spotify_refresh_token" {
  secret_id = "${var.name}-spotify-refresh-token"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_iam_member" "spotify_client_secret" {
  secret_id = google_secret_manager_secret.spotify_client_secret.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.role["extract"].member
}

resource "google_secret_manager_secret_iam_member" "spotify_refresh_token" {
  count = var.spotify_user_login ? 1 : 0

  secret_id = google_secret_manager_secret.spotify_refresh_token.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.role["extract"].member
}
