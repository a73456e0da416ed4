// Package left is an engine.
package left

import (
	_ "fmt"

	_ "example.com/planted/vocab"
)
