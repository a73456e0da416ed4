// Package elastic sends telemetry to Elasticsearch, or another server with its bulk
// interface such as OpenSearch, as documents that are named after the Elastic Common
// Schema. It is a sender of package export.
//
// It promises that a span or log record which is sent twice is there once, as far as
// the server looks for its id; that what becomes of each document is read; and that no
// attribute has another type in one document than in the next, which servers refuse.
package elastic
