// Package main, planted, says nothing of the command:
// it should begin with its name.
package main

func main() {}
