/* Figures of this process for Prometheus and for the summary of a run, declared once: name, kind, label, help.
 *
 * kinds  COUNTER  counts from the start of the process; printed with the suffix "_total"
 *        GAUGE    is set
 *        SHORT    a histogram of durations from 1 ms to 60 s; the name says _seconds
 *        LONG     the same from 50 ms to an hour
 *        TOLD     a gauge nobody holds: whoever prints a page looks it up and says it with metrics_told()
 *
 * A label has one name and few values: the first METRIC_VALUES_MAX of a metric are told apart, later ones are counted as "other",
 * so that names from outside can never exhaust the memory.  Safe from any thread, without a lock: one atomic addition, for a label
 * after a search among its values.  A page is no moment frozen: what is counted while it is written may be on it in part, but a
 * histogram's count is always the sum of its buckets.
 *
 * The text is the exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

#define METRIC_VALUES_MAX 64
#define METRIC_VALUE_BYTES 256 /* of a label's value, with its end; longer ones are cut */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/*        name                          kind     label         help */
#define METRICS(X)                                                                                     \
	X(pages_extracted,              COUNTER, "", "pages published by extract")                     \
	X(snapshots_extracted,          COUNTER, "", "snapshots whose manifest was published")         \
	X(bytes_extracted,              COUNTER, "", "bytes of page bodies published")                 \
	X(spotify_requests,             COUNTER, "", "requests sent to Spotify's Web API")             \
	X(spotify_not_modified,         COUNTER, "", "of them answered 304: the bytes were there")     \
	X(spotify_retries,              COUNTER, "", "of them sent again after an answer that was none") \
	X(playlists_deferred,           COUNTER, "", "playlists whose snapshot had to be put off")     \
	X(messages_received,            COUNTER, "", "deliveries pulled by ingest")                    \
	X(messages_acked,               COUNTER, "", "deliveries acknowledged after their effect was durable") \
	X(messages_nacked,              COUNTER, "", "deliveries given back for a later try")          \
	X(objects_written,              COUNTER, "", "raw objects put by ingest")                      \
	X(dead_letters,                 COUNTER, "", "things put into quarantine")                     \
	X(snapshots_completed,          COUNTER, "", "snapshots that became complete")                 \
	X(partitions_built,             COUNTER, "", "bronze partitions written")                      \
	X(partitions_unchanged,         COUNTER, "", "bronze partitions whose inputs were the same")   \
	X(snapshots_read,               COUNTER, "", "snapshots read by bronze")                       \
	X(bytes_read,                   COUNTER, "", "bytes of pages read by bronze")                  \
	X(entries_written,              COUNTER, "", "rows of bronze_entry written")                   \
	X(rejects_written,              COUNTER, "", "rows of bronze_reject written")                  \
	X(gold_tables_written,          COUNTER, "", "gold files written")                             \
	X(gold_rows_written,            COUNTER, "", "gold rows written")                              \
	X(warehouse_rows_loaded,        COUNTER, "", "rows loaded into the next version of the warehouse") \
	X(audits_passed,                COUNTER, "", "audit checks passed")                            \
	X(audits_failed,                COUNTER, "", "audit checks failed")                            \
	X(task_retries,                 COUNTER, "", "task attempts after the first")                  \
	/* the service */                                                                              \
	X(http_requests,                COUNTER, "code", "requests answered, by status")               \
	X(http_request_duration_seconds, SHORT,  "route", "from a whole request to its answer, by what answered") \
	X(bus_deliveries,               COUNTER, "subscription", "messages handed out")                \
	X(bus_redeliveries,             COUNTER, "subscription", "of them handed out before")          \
	X(bus_acks,                     COUNTER, "subscription", "deliveries acknowledged")            \
	X(bus_nacks,                    COUNTER, "subscription", "deliveries given back")              \
	X(push_latency_seconds,         SHORT,   "subscription", "from the publish to the endpoint's acknowledgement") \
	X(push_failures,                COUNTER, "code", "pushes not acknowledged, by status; 0 is no answer") \
	X(webhook_sent,                 COUNTER, "", "events the webhook has taken")                   \
	X(webhook_failures,             COUNTER, "", "tries it did not take")                          \
	X(webhook_dropped,              COUNTER, "", "events given up")                                \
	X(webhook_waiting,              GAUGE,   "", "events it has not taken yet")                    \
	/* from the run log, of whatever process: what ended since this one began to look */           \
	X(stage_duration_seconds,       LONG,    "stage", "how long the stages of ended runs took")    \
	X(stage_rows,                   COUNTER, "stage", "rows they made")                            \
	X(stage_bytes,                  COUNTER, "stage", "bytes they worked on")                      \
	X(runs_ended,                   COUNTER, "state", "runs that ended, by how")                   \
	/* looked up for each page */                                                                  \
	X(stage_last_duration_seconds,  TOLD,    "stage", "how long it took when it last ended")       \
	X(stage_last_rows,              TOLD,    "stage", "rows it made then")                         \
	X(stage_last_bytes,             TOLD,    "stage", "bytes it worked on then")                   \
	X(stage_last_end_timestamp_seconds, TOLD, "stage", "when that was")                            \
	X(stage_last_success,           TOLD,    "stage", "1 when it was done then, 0 when it failed") \
	X(stage_running,                TOLD,    "stage", "1 while a run is in it")                    \
	X(runs,                         TOLD,    "state", "runs the log remembers, by state")          \
	X(run_last_success_timestamp_seconds, TOLD, "", "when a run was last done")                    \
	X(run_last_failure_timestamp_seconds, TOLD, "", "when a run last failed")                      \
	X(subscription_backlog,         TOLD,    "subscription", "messages not acknowledged")          \
	X(subscription_leased,          TOLD,    "subscription", "of them under a lease")              \
	X(subscription_oldest_unacked_seconds, TOLD, "subscription", "age of the oldest of them")      \
	X(dead_letters_kept,            TOLD,    "reason", "things in quarantine")                     \
	X(snapshots_incomplete,         TOLD,    "", "snapshots that miss their manifest or objects")  \
	X(snapshots_today,              TOLD,    "", "snapshots of this chart day")                    \
	X(playlist_snapshot_age_seconds, TOLD,   "playlist", "age of the newest snapshot of a watched playlist") \
	X(schedule_next_timestamp_seconds, TOLD, "job", "when it is due next")                         \
	X(schedule_running,             TOLD,    "job", "1 while it runs")                             \
	X(schedule_missed,              TOLD,    "job", "times it was due and not started")            \
	X(home_free_bytes,              TOLD,    "", "room left for this user where the home lies")    \
	X(home_total_bytes,             TOLD,    "", "room there altogether")                          \
	X(file_bytes,                   TOLD,    "file", "size of the home's large files")             \
	X(look_failed,                  TOLD,    "part", "1 when that part of this page could not be read: its figures are missing") \
	X(look_age_seconds,             TOLD,    "part", "how old that part of this page is")          \
	X(build_info,                   TOLD,    "version", "1")

enum metric {
#define X(name, kind, label, help) METRIC_##name,
	METRICS(X)
#undef X
	METRIC_COUNT
};

/* Of a COUNTER or GAUGE without a label. */
void metric_add(enum metric m, int64_t amount);
void metric_set(enum metric m, int64_t value);
/* Of a COUNTER with one; NULL is "". */
void metric_add_for(enum metric m, const char *value, int64_t amount);
/* A duration, of a histogram; negative counts as 0. */
void metric_observe(enum metric m, const char *value, int64_t duration_us);
/* The sum over all values of its label; of a histogram how many durations. */
int64_t metric_get(enum metric m);
const char *metric_name(enum metric m);

/* All but what is TOLD, names prefixed "sargam_".  A metric with a label is left out until it has a value. */
void metrics_write(struct buf *out);
/* One TOLD metric: its head, once on a page and before its values; then each value, none twice. */
void metrics_told_head(enum metric m, struct buf *out);
void metrics_told(enum metric m, struct slice value, int64_t figure, struct buf *out);
void metrics_told_ms(enum metric m, struct slice value, int64_t ms, struct buf *out); /* printed as seconds */

#endif
