// Package alert evaluates rules over the metrics: alerts, which say that something
// needs a person, and recordings, which keep the outcome of an expression as a
// series of its own. Rules come from the app file and from Banyan itself; what an
// alert finds is told to receivers: a webhook, a Slack-compatible webhook, e-mail.
//
// Whoever has the metrics makes an Evaluator and lets it Run; the dashboard and the
// Prometheus API read Rules. Check is for the app file: it finds mistakes in
// expressions before anything runs.
//
// What it promises: an alert fires when its expression held for the whole of its
// `for`, across restarts of the daemon; a change is told to each receiver once,
// however often that has to be tried, and again every four hours while it lasts; a
// receiver that does not answer delays no other and no evaluation; and memory does
// not grow with the number of failed attempts. What is decided is decided without a
// clock: time comes in.
package alert
