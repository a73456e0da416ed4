// Package process runs instances as plain processes of this machine. It is for
// the daemon's composition root; everybody else sees driver.Driver.
//
// What it promises:
//
//   - A program runs only after the caller had its identity to store: until
//     Start, a stand-in (package launch) waits on a socket and exits by itself
//     when the daemon is gone.
//   - A process is never signalled by a bare pid that may have passed on to a
//     stranger: signals go through a pidfd, and an adopted process must have the
//     start time that was stored.
//   - When the main process ends, however it ends, the instance's other
//     processes are killed: by cgroup where there is one, else by process group
//     and by the BANYAN_TAG entry in their environment. A program that clears
//     its environment and starts a session of its own escapes where there is no
//     cgroup (macOS; a plain user without delegation).
//   - Limits are enforced by cgroup v1 or v2 where permitted; Identity.Unenforced
//     says in words why where not.
//
// Linux 5.4 or later is needed (pidfd); exit codes of adopted processes need
// 6.15. macOS has process groups only. Plain processes of one user cannot be
// kept apart: this driver is no security boundary.
package process
