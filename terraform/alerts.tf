resource "google_monitoring_notification_channel" "email" {
  display_name = "${var.name}: who is told"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.api]
}

locals {
  channels = [google_monitoring_notification_channel.email.id]
}

resource "google_monitoring_alert_policy" "unacked" {
  display_name          = "${var.name}: messages wait for the consumer"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "The oldest message of spotify-raw waits for more than ${var.unacked_minutes} minutes"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.raw.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.unacked_minutes * 60
      duration        = "300s"

      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The consumer does not answer 2xx. Its log says why: `gcloud run services logs read ${var.name}-consumer --region ${var.region}`. Messages are kept for 31 days; those that failed ${var.delivery_attempts_max} times go to the dead letters."
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  display_name          = "${var.name}: there are dead letters"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "spotify-dead is not empty"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.dead.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The consumer could not store them. Look: `gcloud pubsub subscriptions pull ${google_pubsub_subscription.dead.name} --limit 10` (without --auto-ack they stay). They are gone after 31 days."
  }
}

resource "google_monitoring_alert_policy" "job_failed" {
  display_name          = "${var.name}: the transform job failed"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "An execution of ${var.name}-transform failed"

    condition_threshold {
      filter          = "resource.type = \"cloud_run_job\" AND resource.labels.job_name = \"${var.name}-transform\" AND metric.type = \"run.googleapis.com/job/completed_execution_count\" AND metric.labels.result = \"failed\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The published charts are as they were. `gcloud run jobs executions list --job ${var.name}-transform --region ${var.region}` names the execution; the next one goes on where it stopped."
  }
}

# Every extraction publishes, so a silence is a missing snapshot, whatever the reason.
resource "google_monitoring_alert_policy" "snapshot_missing" {
  count = local.deployed ? 1 : 0

  display_name          = "${var.name}: no snapshot for ${var.snapshot_missing_hours} hours"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "The consumer has acknowledged nothing"

    condition_absent {
      filter   = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.raw.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\" AND metric.labels.response_class = \"ack\""
      duration = "${var.snapshot_missing_hours * 3600}s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Nothing was extracted or nothing arrived. `gcloud scheduler jobs describe ${var.name}-extract --location ${var.region}` tells the last attempt, `gcloud run services logs read ${var.name}-extract --region ${var.region}` what Spotify said."
  }
}

# The program's own log lines say level, Cloud Run's say severity.
resource "google_logging_metric" "errors" {
  name        = "${var.name}/errors"
  description = "Lines of ${var.name} that report an error"
  filter      = "resource.type = (\"cloud_run_revision\" OR \"cloud_run_job\") AND (resource.labels.service_name =~ \"^${var.name}-\" OR resource.labels.job_name =~ \"^${var.name}-\") AND (severity >= ERROR OR jsonPayload.level = \"error\")"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "schedule_failed" {
  name        = "${var.name}/schedule_failed"
  description = "Attempts of Cloud Scheduler that were not answered with 2xx"
  filter      = "resource.type = \"cloud_scheduler_job\" AND resource.labels.job_id =~ \"^${var.name}-\" AND severity >= ERROR"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "errors" {
  display_name          = "${var.name}: errors"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "The service or the job reports an error"

    condition_threshold {
      filter          = "resource.type = one_of(\"cloud_run_revision\", \"cloud_run_job\") AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.errors.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  # Once an hour is enough for one trouble.
  alert_strategy {
    auto_close = "86400s"

    notification_prompts = ["OPENED"]
  }

  documentation {
    mime_type = "text/markdown"
    content   = "The line itself says what to do: `gcloud logging read 'jsonPayload.level=\"error\"' --limit 20`."
  }
}

resource "google_monitoring_alert_policy" "schedule_failed" {
  display_name          = "${var.name}: the schedule's calls fail"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "More than two attempts failed within an hour"

    condition_threshold {
      filter          = "resource.type = \"cloud_scheduler_job\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.schedule_failed.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 2
      duration        = "0s"

      aggregations {
        alignment_period   = "3600s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`gcloud scheduler jobs list --location ${var.region}` shows the status of each job. 503 means that Spotify's quota defers the extraction: the next time goes on."
  }
}
