// Package promapi answers Prometheus' HTTP API, version 1, and the exposition
// formats: what Grafana's Prometheus source, promtool and client libraries ask of
// a Prometheus server they may ask of Banyan. It translates between HTTP and
// packages metrics and alert, and keeps nothing.
//
// What it promises: answers have the JSON, the error types and the status codes
// that Prometheus has, for GET and for POST with a form. Who may ask, and on which
// address, is decided by whoever mounts the handler.
package promapi
