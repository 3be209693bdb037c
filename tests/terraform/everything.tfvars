# All that can be switched on, for the checks.
project                = "charts-example"
image                  = "us-central1-docker.pkg.dev/charts-example/sargam/sargam@sha256:0000000000000000000000000000000000000000000000000000000000000000"
playlists              = ["37i9dQZEVXbMDoHDwVN2tF", "37i9dQZF1DX0XUfTFmNBRM"]
spotify_client_id      = "00000000000000000000000000000000"
spotify_user_login     = true
raw_keep_days          = 400
alert_email            = "charts@example.com"
billing_account        = "000000-000000-000000"
readers                = ["group:charts@example.com"]
operators              = ["user:someone@example.com"]
spark_enabled          = true
airflow_enabled        = true
ci_repository          = "someone/charts"
snapshot_missing_hours = 13
