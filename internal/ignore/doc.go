// Package ignore tells sources from what is not: what .gitignore files name,
// version control's own files, installed dependencies, editors' scratch files.
// The build's key and `up --watch` go by it, so that a change that starts a
// build is a change that makes a new one.
package ignore
