// Package match is what a filter tells a store about itself, so that the store
// looks only where a match can be: what a record must have at least, and which of
// its fields are looked at. It also says what a field's name means, and what a word
// of a text is, since those who write blocks and those who filter must agree.
//
// Package filter makes Matchers; packages block and store take them.
package match
