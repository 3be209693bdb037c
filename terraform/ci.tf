# A workflow of one repository's main branch pushes images and deploys them, with tokens of minutes instead of a key.

resource "google_iam_workload_identity_pool" "ci" {
  count = var.ci_repository != "" ? 1 : 0

  workload_identity_pool_id = "${var.name}-ci"
  display_name              = "${var.name}: continuous integration"
  depends_on                = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125:the condition names one repository's main branch; the rule does not look through the variable
  count = var.ci_repository != "" ? 1 : 0

  workload_identity_pool_id          = google_iam_workload_identity_pool.ci[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }
  attribute_condition = "assertion.sub == 'repo:${var.ci_repository}:ref:refs/heads/main'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "ci" {
  count = var.ci_repository != "" ? 1 : 0

  account_id   = "${var.name}-ci"
  display_name = "${var.name}: pushes images and deploys them"
  depends_on   = [google_project_service.api]
}

resource "google_service_account_iam_member" "ci" {
  count = var.ci_repository != "" ? 1 : 0

  service_account_id = google_service_account.ci[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.ci[0].name}/attribute.repository/${var.ci_repository}"
}

resource "google_artifact_registry_repository_iam_member" "ci" {
  count = var.ci_repository != "" ? 1 : 0

  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.ci[0].member
}

resource "google_cloud_run_v2_service_iam_member" "ci" {
  for_each = var.ci_repository != "" && local.deployed ? { extract = google_cloud_run_v2_service.extract[0].name, consumer = google_cloud_run_v2_service.consumer[0].name } : {}

  name     = each.value
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.ci[0].member
}

resource "google_cloud_run_v2_job_iam_member" "ci" {
  count = var.ci_repository != "" && local.deployed ? 1 : 0

  name     = google_cloud_run_v2_job.transform[0].name
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.ci[0].member
}

# To deploy a revision that runs as a role one must be allowed to act as it.
resource "google_service_account_iam_member" "ci_acts_as" {
  for_each = var.ci_repository != "" ? toset(["extract", "consumer", "transform"]) : toset([])

  service_account_id = google_service_account.role[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.ci[0].member
}
