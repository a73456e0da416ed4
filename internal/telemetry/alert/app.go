package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// FromApp are the rules of an app: its recordings, its alerts, and those shipped that
// it does not switch off, with its changes.
func FromApp(app *appfile.App) []Rule {
	var rules []Rule
	for _, name := range slices.Sorted(maps.Keys(app.Recordings)) {
		rules = append(rules, Rule{Name: name, Recording: true, Expr: app.Recordings[name]})
	}
	shipped := map[string]bool{}
	for _, r := range Shipped() {
		shipped[r.Name] = true
		r.Shipped = true
		a := app.Alerts[r.Name]
		switch {
		case a == nil:
			rules = append(rules, r)
		case !a.Off:
			rules = append(rules, changed(r, a))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(app.Alerts)) {
		if a := app.Alerts[name]; a != nil && !a.Off && !shipped[name] {
			rules = append(rules, changed(Rule{Name: name, Labels: severity(Warning)}, a))
		}
	}
	return rules
}

// changed is a rule with what the app file says of it.
func changed(r Rule, a *appfile.Alert) Rule {
	if a.Expr != "" {
		r.Expr = a.Expr
	}
	if a.For != nil {
		r.For = time.Duration(*a.For)
	}
	if a.KeepFiring != nil {
		r.KeepFiring = time.Duration(*a.KeepFiring)
	}
	if a.Summary != "" {
		r.Summary = a.Summary
	}
	if a.Description != "" {
		r.Description = a.Description
	}
	r.Labels = maps.Clone(r.Labels)
	maps.Copy(r.Labels, a.Labels)
	if a.Severity != "" {
		r.Labels[severityLabel] = a.Severity
	}
	return r
}

// Receivers are those whom an app tells of alerts. Expand replaces the references to
// secrets in a text, each time that a receiver is told: a secret may be set later. The
// error says which receivers cannot be told as things are.
func Receivers(app *appfile.App, expand func(text string) (string, error)) ([]Receiver, error) {
	if app.Telemetry == nil {
		return nil, nil
	}
	var out []Receiver
	var failed []error
	for i, n := range app.Telemetry.Notify {
		r := receiver(n)
		r.Name += "-" + strconv.Itoa(i+1)
		r.Expand = expand
		if _, err := r.expanded(); err != nil {
			failed = append(failed, fmt.Errorf("telemetry: notify: %s cannot be told of alerts: %w", r.Name, err))
		}
		out = append(out, r)
	}
	return out, errors.Join(failed...)
}

func receiver(n *appfile.Notify) Receiver {
	switch {
	case n.Webhook != "":
		return Receiver{Name: "webhook", Webhook: n.Webhook}
	case n.Slack != "":
		return Receiver{Name: "slack", Slack: n.Slack}
	}
	e := n.Email
	return Receiver{Name: "email", Email: &Email{
		Server: e.Server, Encryption: e.TLS, User: e.User, Password: e.Password, From: e.From, To: e.To,
	}}
}

// Check is for appfile.Options.Check: it finds mistakes in the expressions and
// templates of alerts and recordings.
func Check(app *appfile.App, _ string) []appfile.Finding {
	var found []appfile.Finding
	for _, name := range slices.Sorted(maps.Keys(app.Recordings)) {
		found = append(found, checkExpr(app.Recordings[name], "recordings", name)...)
	}
	for _, name := range slices.Sorted(maps.Keys(app.Alerts)) {
		a := app.Alerts[name]
		if a == nil {
			continue
		}
		found = append(found, checkExpr(a.Expr, "alerts", name, "expr")...)
		found = append(found, checkTemplate(a.Summary, "alerts", name, "summary")...)
		found = append(found, checkTemplate(a.Description, "alerts", name, "description")...)
	}
	return found
}

func checkExpr(expr string, path ...string) []appfile.Finding {
	if expr == "" {
		return nil
	}
	err := metrics.Parse(expr)
	s, ok := errors.AsType[*metrics.SyntaxError](err)
	if !ok {
		return nil
	}
	where := ""
	if s.Line > 1 {
		where = fmt.Sprintf("line %d of it: ", s.Line)
	}
	return []appfile.Finding{{
		Path: path, Offset: s.Start, Message: "the expression is no PromQL: " + where + s.Message,
		Fix: "try it on the dashboard, or by: banyan query 'EXPRESSION'",
	}}
}

func checkTemplate(text string, path ...string) []appfile.Finding {
	_, err := parseTemplate(text)
	e, ok := errors.AsType[*templateError](err)
	if !ok {
		return nil
	}
	return []appfile.Finding{{Path: path, Offset: e.offset, Message: e.message, Fix: e.fix}}
}
