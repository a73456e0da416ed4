// Package jaeger answers the JSON that Jaeger's query service answers: what
// Grafana's Jaeger source and a Jaeger UI ask of Jaeger they may ask of Banyan. It
// translates between HTTP and whoever keeps traces, and keeps nothing.
//
// What it promises: answers and errors have the form that Jaeger gives them; they
// are written trace by trace, so that a long one takes up no more memory than its
// longest trace; and what is left out of an answer is said in it. Who may ask, and
// on which address, is decided by whoever mounts the handler.
package jaeger
