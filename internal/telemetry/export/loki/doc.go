// Package loki sends log records to Loki, or another server that takes its push
// requests in JSON. It is a sender of package export, for logs alone.
//
// It promises few streams: a record's labels are its service and its severity, since
// Loki keeps a stream for each set of labels. All else, ids of traces among it, is
// structured metadata, which Loki takes from version 2.9 on. Loki drops a record that
// is sent twice, since it has the same time and text.
package loki
