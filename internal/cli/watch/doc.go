// Package watch tells when the sources of an app change: it follows directories
// recursively, leaves out what .gitignore names and what no source is (.git,
// .banyan, node_modules, editors' scratch files), and reports a burst of changes
// once, when it is over.
package watch
