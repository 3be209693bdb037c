// Third-party files that travel as Go modules: no Go code of ours, only `go mod download`, which checks them against go.sum.
module sargam/deps

go 1.21

require (
	github.com/duckdb/duckdb-go-bindings/lib/linux-amd64 v0.10505.0 // DuckDB 1.5.5: duckdb.h and static libraries
	github.com/duckdb/duckdb-go-bindings/lib/linux-arm64 v0.10505.0
	github.com/mattn/go-sqlite3 v1.14.53 // SQLite 3.54.1 amalgamation
)
