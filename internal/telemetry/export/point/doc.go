// Package point is what a metric's measurements are when they leave Banyan: it joins
// the series that Prometheus keeps of one histogram or summary into points as
// OpenTelemetry has them, says of whom they are, and what kind of metric it is.
//
// Package export makes them, and its senders write them in their formats. It asks
// nobody and keeps nothing: what it makes is of what it is given.
package point
