variable "project" {
  description = "The project's id. It must exist and have a billing account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 lower-case letters, digits and dashes and begins with a letter (gcloud projects list)."
  }
}

variable "region" {
  description = "Where everything lies: buckets, dataset, Cloud Run and Scheduler. A load job needs bucket and dataset in one place."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+[0-9]+$", var.region))
    error_message = "A region such as us-central1 or asia-south1 (gcloud run regions list)."
  }
}

variable "name" {
  description = "What the names of resources begin with. The topic, the subscriptions and the dataset have fixed names."
  type        = string
  default     = "sargam"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,13}[a-z0-9]$", var.name))
    error_message = "3 to 15 lower-case letters, digits and dashes, beginning with a letter: longer ones do not fit into the ids of service accounts."
  }
}

variable "labels" {
  description = "Labels of everything that takes labels, beside app = name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Keys and values of labels are lower-case letters, digits, '_' and '-', at most 63."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete what holds data (bucket, tables, services). Apply once with false before terraform destroy."
  type        = bool
  default     = true
}

variable "image" {
  description = "The container image, best by digest. Empty: everything but what runs is made, and the subscription keeps messages until there is an image."
  type        = string
  default     = ""

  validation {
    condition     = var.image == "" || can(regex("^[a-z0-9.-]+/[^ @]+(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_.-]{1,128})$", var.image))
    error_message = "HOST/PATH@sha256:DIGEST, or HOST/PATH:TAG; output image_repository names the folder to push to."
  }

  validation {
    condition     = !endswith(var.image, ":latest")
    error_message = "The tag latest does not say which image runs: name a version or a digest."
  }
}

variable "playlists" {
  description = "Ids of the playlists to follow (22 letters and digits, from the playlist's address)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.playlists : can(regex("^[0-9A-Za-z]{22}$", id))])
    error_message = "A playlist's id has 22 letters and digits: open.spotify.com/playlist/ID."
  }

  # A setting holds 1023 bytes; each id takes 23.
  validation {
    condition     = length(var.playlists) <= 44
    error_message = "At most 44 here; more are followed by `sargam watch add`."
  }
}

variable "chart_utc_offset" {
  description = "The chart day's time zone, as +HH:MM or -HH:MM."
  type        = string
  default     = "+00:00"

  validation {
    condition     = can(regex("^[+-](0[0-9]|1[0-4]):[0-5][0-9]$", var.chart_utc_offset))
    error_message = "+HH:MM or -HH:MM, such as +05:30."
  }
}

variable "spotify_client_id" {
  description = "Client id of the Spotify app (developer.spotify.com/dashboard). Its secret is a version of secret spotify_client_secret, never a variable."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9a-f]{32})?$", var.spotify_client_id))
    error_message = "32 hexadecimal digits, or empty as long as there is no image."
  }

  validation {
    condition     = var.image == "" || var.spotify_client_id != ""
    error_message = "What runs (image) reads Spotify and needs the app's client id."
  }
}

variable "spotify_client_secret_version" {
  description = "The version of secret spotify_client_secret that runs. A number, so that a new secret comes into use by an apply and can go back."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.spotify_client_secret_version))
    error_message = "A version's number (gcloud secrets versions list)."
  }
}

variable "spotify_user_login" {
  description = "Read as a user who has logged in (private playlists), by the refresh token in secret spotify_refresh_token."
  type        = bool
  default     = false
}

variable "spotify_refresh_token_version" {
  description = "The version of secret spotify_refresh_token that runs."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.spotify_refresh_token_version))
    error_message = "A version's number (gcloud secrets versions list)."
  }
}

variable "extract_schedule" {
  description = "When snapshots are taken: cron, five fields."
  type        = string
  default     = "7 */6 * * *"

  validation {
    condition     = length(split(" ", var.extract_schedule)) == 5
    error_message = "Five fields, such as 7 */6 * * *."
  }
}

variable "transform_schedule" {
  description = "When charts are made of them: cron, five fields, some time after extract_schedule."
  type        = string
  default     = "37 */6 * * *"

  validation {
    condition     = length(split(" ", var.transform_schedule)) == 5
    error_message = "Five fields, such as 37 */6 * * *."
  }
}

variable "time_zone" {
  description = "Whose clock both schedules go by."
  type        = string
  default     = "Etc/UTC"

  validation {
    condition     = can(regex("^[A-Z][A-Za-z_]+/[A-Za-z_/+-]+[0-9]*$", var.time_zone))
    error_message = "A name of the time zone database, such as Etc/UTC or Asia/Kolkata."
  }
}

variable "ack_deadline_s" {
  description = "How long the consumer has for a pushed message; it cannot be extended."
  type        = number
  default     = 120

  validation {
    condition     = var.ack_deadline_s >= 10 && var.ack_deadline_s <= 600
    error_message = "10 to 600 seconds (Pub/Sub's limits)."
  }
}

variable "delivery_attempts_max" {
  description = "Then a message goes to the dead-letter topic. With the waits of the retry policy twenty attempts take more than two hours."
  type        = number
  default     = 20

  validation {
    condition     = var.delivery_attempts_max >= 5 && var.delivery_attempts_max <= 100
    error_message = "5 to 100 attempts (Pub/Sub's limits)."
  }
}

variable "consumer_instances_max" {
  description = "Instances of the push consumer, eight messages each at once."
  type        = number
  default     = 4

  validation {
    condition     = var.consumer_instances_max >= 1 && var.consumer_instances_max <= 100
    error_message = "1 to 100 instances."
  }
}

variable "transform_memory_gib" {
  description = "Memory of the transform job; the SQL engine gets half of it, since its scratch files lie in memory, too."
  type        = number
  default     = 4

  validation {
    condition     = contains([2, 4, 8, 16, 32], var.transform_memory_gib)
    error_message = "2, 4, 8, 16 or 32."
  }
}

variable "store_prefix" {
  description = "The folder of the bucket that holds raw/, bronze/, gold/ and the rest."
  type        = string
  default     = "charts"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{0,62}$", var.store_prefix))
    error_message = "One folder's name of lower-case letters, digits, '_' and '-'."
  }
}

variable "raw_keep_days" {
  description = "Delete raw pages after so many days (Spotify's terms allow temporary caching only). 0: never. Tables cannot be rebuilt from what is gone."
  type        = number
  default     = 0

  validation {
    condition     = var.raw_keep_days == 0 || var.raw_keep_days >= 31
    error_message = "0, or at least 31 days: a month's partition is made anew from all of its pages."
  }
}

variable "soft_delete_days" {
  description = "How long a deleted object of the store can be restored; it is billed as long. 0: not at all."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "0, or 7 to 90 days (Cloud Storage's limits)."
  }
}

variable "readers" {
  description = "Who may read the charts in BigQuery: user:…, group:… or serviceAccount:…"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.readers : can(regex("^(user|group|serviceAccount):[^ @]+@[^ @]+$", member))])
    error_message = "user:ADDRESS, group:ADDRESS or serviceAccount:ADDRESS; nobody is let in by a wildcard."
  }
}

variable "operators" {
  description = "Who may mend, replay and drop dead letters and purge: user:… or group:…"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group):[^ @]+@[^ @]+$", member))])
    error_message = "user:ADDRESS or group:ADDRESS; nobody is let in by a wildcard."
  }
}

variable "alert_email" {
  description = "Who is told when something does not work."
  type        = string

  validation {
    condition     = can(regex("^[^ @]+@[^ @]+\\.[^ @]+$", var.alert_email))
    error_message = "An e-mail address."
  }
}

variable "unacked_minutes" {
  description = "Alert when a message has waited so long for the consumer."
  type        = number
  default     = 30

  validation {
    condition     = var.unacked_minutes >= 5 && var.unacked_minutes <= 10080
    error_message = "5 minutes to 7 days."
  }
}

variable "snapshot_missing_hours" {
  description = "Alert when no message of a snapshot came for so long: more than the longest gap of extract_schedule."
  type        = number
  default     = 13

  validation {
    condition     = var.snapshot_missing_hours >= 1 && var.snapshot_missing_hours <= 23
    error_message = "1 to 23 hours: Cloud Monitoring notices an absence of 23.5 hours at most, so take snapshots at least twice a day."
  }
}

variable "billing_account" {
  description = "The billing account that gets a budget for this project (XXXXXX-XXXXXX-XXXXXX). Empty: no budget."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?$", var.billing_account))
    error_message = "Three groups of six hexadecimal digits (gcloud billing accounts list)."
  }
}

variable "budget_amount" {
  description = "The budget of a month, in the billing account's currency. It tells at 50, 90 and 100 per cent; it stops nothing."
  type        = number
  default     = 10

  validation {
    condition     = var.budget_amount >= 1 && floor(var.budget_amount) == var.budget_amount
    error_message = "A whole number, at least 1."
  }
}

variable "spark_enabled" {
  description = "Make what Spark jobs need (Dataproc Serverless): network, identity, staging bucket. Only jobs cost."
  type        = bool
  default     = false
}

variable "spark_subnet_range" {
  description = "Addresses of the Spark jobs' network."
  type        = string
  default     = "10.71.0.0/22"

  validation {
    condition     = can(cidrhost(var.spark_subnet_range, 0)) && can(regex("^[0-9.]+/(1[6-9]|2[0-4])$", var.spark_subnet_range))
    error_message = "An IPv4 range from /16 to /24."
  }
}

variable "airflow_enabled" {
  description = "Run the pipeline by Managed Airflow (Cloud Composer 3) instead of Cloud Scheduler. It costs about 300 USD a month, idle or not."
  type        = bool
  default     = false

  validation {
    condition     = !var.airflow_enabled || var.spark_enabled
    error_message = "The DAG's jobs are Spark jobs: set spark_enabled, too."
  }
}

variable "airflow_image_version" {
  description = "The build of Composer and Airflow."
  type        = string
  default     = "composer-3-airflow-3.1.7-build.12"

  validation {
    condition     = can(regex("^composer-3-airflow-[0-9]+\\.[0-9]+\\.[0-9]+-build\\.[0-9]+$", var.airflow_image_version))
    error_message = "composer-3-airflow-VERSION-build.N (gcloud composer environments list-upgrades, or the release notes)."
  }
}

variable "ci_repository" {
  description = "The GitHub repository (OWNER/NAME) whose main branch may push images and deploy them, without a key. Empty: none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.ci_repository))
    error_message = "OWNER/NAME."
  }
}
