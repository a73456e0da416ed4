// Package e2e holds the end-to-end tests: they build the real binary, run the
// real shop and small apps with it, break them in every way that a user's day
// may bring, and look from outside, as a person would.
//
// Nobody imports it. The environment variable BANYAN_E2E chooses what runs:
//
//	unset  the quick ones, which need only Go (`make test`)
//	long   all that this machine has the programs for
//	full   all; a missing Chromium, Python or Node.js is a failure (`make e2e`)
//
// It promises: every app has its own directory, state and ports, and nothing of
// it is left after its test, whatever happened; no test waits by sleeping for
// something that it could watch; figures that an issue asks for are printed as
// lines that begin with "figure:".
package e2e
