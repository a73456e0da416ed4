//go:build linux

// Package load is both ends of a measured proxy: the clients that send requests
// and the backend that answers them, in one epoll loop on one thread, so that
// neither takes more of a core than the kernel does.
//
// A [Loop] belongs to the goroutine that runs it. [Backend] answers what a
// [Kind] of load sends; [Run] sends it, for a time, from a number of connections,
// either each as fast as the answers come (closed loop) or at a fixed rate that
// does not wait for them (open loop). Every answer is checked; one that is wrong
// is an error of the run.
package load
