// Package probe asks an instance whether it is ready, or alive, with the meaning
// that Kubernetes gives the fields. It is for the daemon, which runs one Run for
// each probe of each instance.
//
// What it promises: before an instance is first ready it is asked at once and
// then often (a start is not to wait for a period); later once a period, spread
// out. An instance is not ready by the grace of a stranger that holds its port.
// Between two asks a probe costs a timer and a goroutine, no connection.
package probe
