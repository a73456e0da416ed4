// Package vocab is the leaf of this tree, and it is documented as it should be:
// nothing in it is a mistake.
package vocab
