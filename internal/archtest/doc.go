// Package archtest holds the table of who may import whom in this repository,
// and the checks that keep the code true to it. It has no use outside its own
// tests: nothing may import it.
//
// The checks read the source of every build tag and operating system, test
// files and nested modules included, and need neither the network nor a build.
package archtest
