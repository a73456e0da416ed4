// Package launch is the body of the hidden command `banyan exec`: the process
// that stands in for a program until the program may run. It is for
// driver/process only (and for the one line of main that calls Child).
//
// It promises that the program runs only after the daemon said so: it joins its
// cgroups, reports, and waits on a socket. If the daemon dies before it says go,
// the socket ends and the process exits; the program never ran. Nothing secret
// is in its argv or its own environment: the request comes over the socket.
//
// It imports little and starts no goroutine, because every start of every
// instance pays for it.
package launch
