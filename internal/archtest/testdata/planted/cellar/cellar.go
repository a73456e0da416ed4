// Package cellar, planted, is in no row
// of the table.
package cellar
