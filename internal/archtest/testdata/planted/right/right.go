// This package comment, planted, does not begin
// with the name of the package.
package right

// Planted: only tests may see the harness, and of these only left's.
import _ "example.com/planted/harness"
