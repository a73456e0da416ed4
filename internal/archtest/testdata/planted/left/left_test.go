package left_test

import (
	_ "example.com/planted/harness"
	_ "example.com/planted/left"

	// Planted: a test may see the harness, but no other engine.
	_ "example.com/planted/right"
)
