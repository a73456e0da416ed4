package appfile

import (
	"fmt"
	"slices"
	"strconv"
)

// policyFix is mappingFix for the parts of a policy.
func policyFix(n *node, val, part string) string {
	switch part {
	case "Outlier":
		if slices.Contains([]string{"off", "false", "no", "none", "0"}, n.text) {
			return "write outlier: {errors: 0} to switch it off"
		}
		return "leave outlier out for the defaults, or write outlier: {errors: 10}"
	case "Hedge":
		if after, err := ParseDuration(n.text); err == nil && after > 0 {
			return fmt.Sprintf("write hedge: {after: %s}", val)
		}
		return "write hedge: {after: 50ms}"
	case "Fallback":
		return fallbackFix(n, val)
	case "Mirror":
		return fmt.Sprintf("write mirror: {to: %s}", val)
	case "Fault":
		return faultFix(n, val)
	}
	return ""
}

// fallbackFix tells a status, an age and a service apart.
func fallbackFix(n *node, val string) string {
	if _, err := strconv.Atoi(n.text); err == nil {
		return fmt.Sprintf("write fallback: {status: %s}", val)
	}
	if age, err := ParseDuration(n.text); err == nil && age > 0 {
		return fmt.Sprintf("write fallback: {stale: %s}", val)
	}
	if serviceName().MatchString(n.text) && !n.bool {
		return fmt.Sprintf("write fallback: {service: %s}", val)
	}
	return "write fallback: {service: NAME}, {stale: 5m} or {status: 200, body: …}"
}

// faultFix tells a status and a delay apart.
func faultFix(n *node, val string) string {
	if _, err := strconv.Atoi(n.text); err == nil {
		return fmt.Sprintf("write fault: {abort: %s}", val)
	}
	if delay, err := ParseDuration(n.text); err == nil && delay > 0 {
		return fmt.Sprintf("write fault: {delay: %s}", val)
	}
	return "write fault: {delay: 100ms} or fault: {abort: 503}"
}
