// Command tool is documented as a command should be,
// and may see both engines.
package main

import (
	_ "example.com/planted/left"
	_ "example.com/planted/right"
)

func main() {}
