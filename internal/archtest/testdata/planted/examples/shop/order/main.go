package main

// Planted: a user's repository needs nothing of ours. Its package comment is
// its own affair.
import _ "example.com/planted/vocab"

func main() {}
