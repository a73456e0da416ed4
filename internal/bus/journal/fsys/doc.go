// Package fsys is the little that the journal needs of a file system, as an
// interface, so that tests can lose power, fill the disk and break it. OS is the real one.
package fsys
