// Package enginetest proves of an engine of the bus what package engine
// promises: each engine's test calls Run. It also holds Memory, an engine for
// the tests of what is built on one.
package enginetest
