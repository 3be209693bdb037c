# An identity per role, with what that role does and nothing else. Rights on topics, folders, secrets and datasets stand beside those.

locals {
  roles = {
    extract   = "takes snapshots of Spotify and publishes them"
    consumer  = "stores what the topic delivers"
    transform = "makes bronze, gold and the warehouse's tables"
    push      = "signs what Pub/Sub pushes to the consumer"
    schedule  = "signs what Cloud Scheduler asks for"
  }
}

resource "google_service_account" "role" {
  for_each = local.roles

  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name}: ${each.value}"
  depends_on   = [google_project_service.api]
}

# Load jobs and queries are jobs of the project; what they may touch is said at the dataset.
resource "google_project_iam_member" "transform_jobs" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.role["transform"].member
}

resource "google_project_iam_member" "reader_jobs" {
  for_each = toset(var.readers)

  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = each.key
}

# Put once, never changed: who has this can neither overwrite nor delete an object. (objectCreator could not look at what is there when a
# create-only write finds something, which is how a write whose answer was lost is told from somebody else's.)
resource "google_project_iam_custom_role" "appender" {
  role_id     = "${replace(var.name, "-", "_")}_appender"
  title       = "${var.name}: add objects"
  description = "Create, read and list objects; neither overwrite nor delete them."
  permissions = [
    "storage.objects.create",
    "storage.objects.get",
    "storage.objects.list",
  ]
  depends_on = [google_project_service.api]
}
