// Package view turns what the daemon reports into lines of text: progress rows,
// tables, log lines, changes. Everything in it is a pure function of its
// arguments, so that golden files can hold it; writing is the caller's.
// Widths are terminal cells, not bytes or runes.
package view
