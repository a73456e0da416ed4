// Package socket makes unix sockets that only one user can use, and tells who is
// at the other end of one.
package socket
