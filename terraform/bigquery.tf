# schemas/ is made from the program's own table (src/warehouse/schema.c) by `sargam-test --warehouse-tables`, and a test holds it to that.
# Each file is the part of BigQuery's REST resource that says schema, partitioning and clustering. Staging tables are the program's own.

locals {
  tables = { for file in fileset("${path.module}/schemas", "*.json") : trimsuffix(file, ".json") => jsondecode(file("${path.module}/schemas/${file}")) }
}

resource "google_bigquery_dataset" "analytics" {
  dataset_id                 = "SPOTIFY_ANALYTICS"
  friendly_name              = "Spotify charts"
  description                = "Charts of Spotify playlists; sql/gold/README.md says what each table and column means"
  location                   = var.region
  delete_contents_on_destroy = !var.deletion_protection
  max_time_travel_hours      = "168"

  depends_on = [google_project_service.api]
}

resource "google_bigquery_table" "gold" {
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.analytics.dataset_id
  table_id            = each.key
  description         = each.value.description
  deletion_protection = var.deletion_protection
  schema              = jsonencode(each.value.schema.fields)
  clustering          = each.value.clustering.fields

  dynamic "time_partitioning" {
    for_each = can(each.value.timePartitioning) ? [each.value.timePartitioning] : []

    content {
      type  = time_partitioning.value.type
      field = time_partitioning.value.field
    }
  }
}

resource "google_bigquery_dataset_iam_member" "transform" {
  dataset_id = google_bigquery_dataset.analytics.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.role["transform"].member
}

resource "google_bigquery_dataset_iam_member" "reader" {
  for_each = toset(var.readers)

  dataset_id = google_bigquery_dataset.analytics.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.key
}
