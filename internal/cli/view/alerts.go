package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// AlertOptions decide how Alerts looks.
type AlertOptions struct {
	Width int
	Color bool
	Now   time.Time
	// All shows rules that do not fire, too.
	All bool
}

var alertFaces = map[string]face{
	"firing":   {word: "firing", style: Red},
	"pending":  {word: "pending", style: Yellow},
	"resolved": {word: "resolved", style: Dim},
	"inactive": {word: "inactive", style: Dim},
}

// Alerts is the table of `banyan alerts`: a row an alert that fires or is pending,
// and one a rule that has none or could not be evaluated, if it is to be shown.
func Alerts(rules []*banyanv1.AlertRule, o AlertOptions) []string {
	var rows []row
	watched := 0
	for _, r := range rules {
		if r.GetState() == "inactive" && r.GetError() == "" {
			watched++
		}
		rows = append(rows, ruleRows(r, o)...)
	}
	if rows == nil {
		return []string{"no alert fires (" + count(watched, "rule") + ")"}
	}
	return table(headings("ALERT", "SEVERITY", "STATE", "FOR>", "VALUE>", "OF"), rows, o.Width, o.Color)
}

func ruleRows(r *banyanv1.AlertRule, o AlertOptions) []row {
	var rows []row
	for _, a := range r.GetAlerts() {
		if a.GetState() != "firing" && a.GetState() != "pending" {
			continue
		}
		look := lookOf(alertFaces, a.GetState())
		rows = append(rows, row{cells: []cell{
			{text: Clean(r.GetName())}, {text: Clean(r.GetSeverity())}, {text: look.word, style: look.style},
			{text: sagaAge(a.GetSince(), o.Now), right: true}, {text: significant(a.GetValue()), right: true}, {text: Clean(labelText(a.GetLabels()))},
		}})
		if text := strings.TrimSpace(a.GetSummary()); text != "" {
			rows = append(rows, below(text, look.style))
		}
	}
	if rows == nil && (o.All || r.GetError() != "") {
		look := lookOf(alertFaces, r.GetState())
		rows = append(rows, row{cells: []cell{{text: Clean(r.GetName())}, {text: Clean(r.GetSeverity())}, {text: look.word, style: look.style}, {}, {}, {}}})
		if text := strings.Join(strings.Fields(r.GetExpression()), " "); o.All && text != "" {
			rows = append(rows, below(text, Dim))
		}
	}
	if r.GetError() != "" {
		rows = append(rows, below("it could not be evaluated: "+r.GetError(), Red))
	}
	return rows
}

// labelText is labels as service=order route=/x, without those that say which
// alert it is.
func labelText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name != "alertname" && name != "severity" {
			parts = append(parts, fmt.Sprintf("%s=%s", name, labels[name]))
		}
	}
	return strings.Join(parts, " ")
}
