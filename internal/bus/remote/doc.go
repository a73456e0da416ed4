// Package remote is what engines have in common whose events are on servers of
// somebody else: the topics they were told of, calls that end, cursors, and what a
// record is called in a header. Only they use it.
package remote
