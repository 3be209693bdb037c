/* Counters and gauges, declared once: name, kind and help make the Prometheus text and the summary of a run.
 * Safe from any thread; they count from the start of the process. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

/*        name                          kind     help */
#define METRICS(X)                                                                                     \
	X(pages_extracted,              COUNTER, "pages published by extract")                         \
	X(snapshots_extracted,          COUNTER, "snapshots whose manifest was published")             \
	X(bytes_extracted,              COUNTER, "bytes of page bodies published")                     \
	X(spotify_requests,             COUNTER, "requests sent to Spotify's Web API")                  \
	X(spotify_not_modified,         COUNTER, "of them answered 304: the bytes were there")         \
	X(spotify_retries,              COUNTER, "of them sent again after an answer that was none")   \
	X(playlists_deferred,           COUNTER, "playlists whose snapshot had to be put off")         \
	X(messages_received,            COUNTER, "deliveries pulled by ingest")                        \
	X(messages_acked,               COUNTER, "deliveries acknowledged after their effect was durable") \
	X(messages_nacked,              COUNTER, "deliveries given back for a later try")              \
	X(objects_written,              COUNTER, "raw objects put by ingest")                          \
	X(dead_letters,                 COUNTER, "things put into quarantine")                         \
	X(snapshots_completed,          COUNTER, "snapshots that became complete")                     \
	X(partitions_built,             COUNTER, "bronze partitions written")                          \
	X(partitions_unchanged,         COUNTER, "bronze partitions whose inputs were the same")       \
	X(snapshots_read,               COUNTER, "snapshots read by bronze")                           \
	X(bytes_read,                   COUNTER, "bytes of pages read by bronze")                      \
	X(entries_written,              COUNTER, "rows of bronze_entry written")                       \
	X(rejects_written,              COUNTER, "rows of bronze_reject written")                      \
	X(gold_tables_written,          COUNTER, "gold files written")                                 \
	X(gold_rows_written,            COUNTER, "gold rows written")                                  \
	X(warehouse_rows_loaded,        COUNTER, "rows loaded into the next version of the warehouse") \
	X(audits_passed,                COUNTER, "audit checks passed")                                \
	X(audits_failed,                COUNTER, "audit checks failed")                                \
	X(task_retries,                 COUNTER, "task attempts after the first")

enum metric {
#define X(name, kind, help) METRIC_##name,
	METRICS(X)
#undef X
	METRIC_COUNT
};

void metric_add(enum metric m, int64_t amount);
int64_t metric_get(enum metric m);
const char *metric_name(enum metric m);
/* Prometheus text format, names prefixed "sargam_" and suffixed "_total" for counters. */
void metrics_write(struct buf *out);

#endif
