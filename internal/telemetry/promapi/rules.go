package promapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/alert"
)

// ruleGroup and what is in it have the fields that Prometheus has.
type ruleGroup struct {
	Name           string    `json:"name"`
	File           string    `json:"file"`
	Rules          []any     `json:"rules"`
	Interval       float64   `json:"interval"`
	Limit          int       `json:"limit"`
	EvaluationTime float64   `json:"evaluationTime"`
	LastEvaluation time.Time `json:"lastEvaluation"`
}

type alertingRule struct {
	State          alert.State       `json:"state"`
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Duration       float64           `json:"duration"`
	KeepFiringFor  float64           `json:"keepFiringFor"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations"`
	Alerts         []activeAlert     `json:"alerts"`
	Health         string            `json:"health"`
	LastError      string            `json:"lastError,omitempty"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type recordingRule struct {
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Labels         map[string]string `json:"labels,omitempty"`
	Health         string            `json:"health"`
	LastError      string            `json:"lastError,omitempty"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type activeAlert struct {
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	State           alert.State       `json:"state"`
	ActiveAt        time.Time         `json:"activeAt"`
	KeepFiringSince *time.Time        `json:"keepFiringSince,omitempty"`
	Value           string            `json:"value"`
}

func (a *api) list() []alert.RuleStatus {
	if a.Rules == nil {
		return nil
	}
	return a.Rules.Rules()
}

func (a *api) alerts(*http.Request) (any, *notes, error) {
	all := []activeAlert{}
	for _, r := range a.list() {
		all = append(all, activeAlerts(r.Active)...)
	}
	return map[string]any{"alerts": all}, nil, nil
}

// rules returns the rules of the app file and those that Banyan ships, as a group each.
func (a *api) rules(r *http.Request) (any, *notes, error) {
	want := strings.ToLower(r.FormValue("type"))
	if want != "" && want != "alert" && want != "record" {
		return nil, nil, wrong("type", fmt.Errorf("not supported value %q", want))
	}
	without := false
	if text := r.FormValue("exclude_alerts"); text != "" {
		var err error
		if without, err = strconv.ParseBool(text); err != nil {
			return nil, nil, wrong("exclude_alerts", err)
		}
	}
	names, groups, files := r.Form["rule_name[]"], r.Form["rule_group[]"], r.Form["file[]"]
	out := []*ruleGroup{}
	for _, g := range []*ruleGroup{{Name: "app", File: "banyan.yaml"}, {Name: "banyan", File: "shipped with Banyan"}} {
		if passes(groups, g.Name) && passes(files, g.File) {
			out = append(out, g)
		}
	}
	for _, s := range a.list() {
		if want == "alert" && s.Recording || want == "record" && !s.Recording || !passes(names, s.Name) {
			continue
		}
		for _, g := range out {
			if (g.Name == "banyan") == s.Shipped {
				g.add(s, !without)
			}
		}
	}
	out = slices.DeleteFunc(out, func(g *ruleGroup) bool { return len(g.Rules) == 0 })
	return map[string]any{"groups": out}, nil, nil
}

// passes says that a filter lets a name through.
func passes(filter []string, name string) bool {
	return len(filter) == 0 || slices.Contains(filter, name)
}

func (g *ruleGroup) add(s alert.RuleStatus, active bool) {
	g.Interval = alert.Interval.Seconds()
	g.EvaluationTime += s.Took.Seconds()
	if s.Last.After(g.LastEvaluation) {
		g.LastEvaluation = s.Last.UTC()
	}
	if s.Recording {
		g.Rules = append(g.Rules, recordingRule{
			Name: s.Name, Query: s.Expr, Labels: s.Labels, Health: health(s), LastError: s.Error,
			EvaluationTime: s.Took.Seconds(), LastEvaluation: s.Last.UTC(), Type: "recording",
		})
		return
	}
	rule := alertingRule{
		State: s.State, Name: s.Name, Query: s.Expr, Duration: s.For.Seconds(), KeepFiringFor: s.KeepFiring.Seconds(),
		Labels: filled(s.Labels), Annotations: map[string]string{}, Alerts: []activeAlert{}, Health: health(s), LastError: s.Error,
		EvaluationTime: s.Took.Seconds(), LastEvaluation: s.Last.UTC(), Type: "alerting",
	}
	for name, text := range map[string]string{"summary": s.Summary, "description": s.Description} {
		if text != "" {
			rule.Annotations[name] = text
		}
	}
	if active {
		rule.Alerts = activeAlerts(s.Active)
	}
	g.Rules = append(g.Rules, rule)
}

func health(s alert.RuleStatus) string {
	switch {
	case s.Last.IsZero():
		return "unknown"
	case s.Error != "":
		return "err"
	}
	return "ok"
}

func filled(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

func activeAlerts(list []alert.Active) []activeAlert {
	out := make([]activeAlert, 0, len(list))
	for _, x := range list {
		one := activeAlert{
			Labels: x.Labels.Map(), Annotations: filled(x.Annotations), State: x.State, ActiveAt: x.Since.UTC(),
			Value: strconv.FormatFloat(x.Value, 'e', -1, 64),
		}
		if !x.Ended.IsZero() {
			ended := x.Ended.UTC()
			one.KeepFiringSince = &ended
		}
		out = append(out, one)
	}
	return out
}
