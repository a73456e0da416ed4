// Package output turns the lines that instances write to stdout and stderr into log
// records. It is for the daemon, which hands it the lines as they come, and does
// nothing by itself: it has no clock and no goroutine.
//
// Lines of JSON and of logfmt are read for their level, message, time and trace, with
// the rest as attributes; of plain lines, the level that they begin with. Lines that
// belong together, such as a stack trace of Go, Java, Python or Node, become one record.
//
// What it promises:
//
//   - No line is lost: each is in the text of exactly one record, or, if it was JSON
//     or logfmt, in the text and the attributes of one of its own.
//   - A record has at most MaxLines lines and about MaxBytes; what is longer goes on in
//     the next. None waits for longer than Quiet after its last line.
package output
