package promapi

import (
	"strings"
	"testing"
)

func TestUnfit(t *testing.T) {
	for expr, fit := range map[string]bool{
		`sum by (a) (rate(x{b=~"(((.*"}[5m])) - -1`:         true,
		strings.Repeat("(", 100) + "x":                      true,
		strings.Repeat("(", 101) + "x":                      false,
		strings.Repeat("- \n", 101) + "x":                   false,
		strings.Repeat("1 - ", 1000) + "1":                  true,
		`x{a="` + strings.Repeat(`\"(`, 40_000) + `"}`:      true,
		"x{a=`" + strings.Repeat(`(`, 40_000) + "\\`}":      true,
		strings.Repeat("x", 64<<10):                         true,
		strings.Repeat("x", 64<<10+1):                       false,
		`"` + strings.Repeat("(", 200) + `\`:                true,
		`"` + strings.Repeat("(", 200) + `" ` + "((" + `\'`: true,
	} {
		if why := unfit(expr); (why == "") != fit {
			t.Errorf("%.40q: %q", expr, why)
		}
	}
}
