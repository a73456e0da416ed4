package alert

import (
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
	"time"
)

// webhookBody is version 4 of what Alertmanager posts.
type webhookBody struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            State             `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []webhookAlert    `json:"alerts"`
}

type webhookAlert struct {
	Status       State             `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

func webhookOf(m message) webhookBody {
	b := webhookBody{
		Version: "4", GroupKey: fmt.Sprintf("{}:{%s=%q}", nameLabel, m.rule), TruncatedAlerts: m.omitted, Status: m.status(),
		Receiver: m.receiver.Name, GroupLabels: map[string]string{nameLabel: m.rule}, ExternalURL: m.dashboard, Alerts: []webhookAlert{},
	}
	for _, a := range append(m.firing, m.resolved...) {
		ls := a.Labels.Map()
		ls["app"] = m.app
		one := webhookAlert{
			Status: a.State, Labels: ls, Annotations: a.Annotations, StartsAt: a.Fired.UTC(), GeneratorURL: m.dashboard,
			Fingerprint: fingerprint(a.Labels.String()),
		}
		if one.Annotations == nil {
			one.Annotations = map[string]string{}
		}
		if a.State == Resolved {
			one.EndsAt = a.Ended.UTC()
		}
		b.Alerts = append(b.Alerts, one)
		b.CommonLabels = common(b.CommonLabels, one.Labels)
		b.CommonAnnotations = common(b.CommonAnnotations, one.Annotations)
	}
	return b
}

// common is what both maps have; the first may be nil, for everything.
func common(a, b map[string]string) map[string]string {
	if a == nil {
		return maps.Clone(b)
	}
	maps.DeleteFunc(a, func(name, value string) bool { return b[name] != value })
	return a
}

func fingerprint(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it returns no error
	return fmt.Sprintf("%016x", h.Sum64())
}

// slackBody is what incoming webhooks of Slack and its likes take.
type slackBody struct {
	Text        string            `json:"text"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Color     string   `json:"color"`
	Title     string   `json:"title"`
	TitleLink string   `json:"title_link,omitempty"`
	Text      string   `json:"text"`
	Fallback  string   `json:"fallback"`
	MrkdwnIn  []string `json:"mrkdwn_in"`
}

// slackEscapes are the characters that mean something to Slack.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func slackOf(m message) slackBody {
	b := slackBody{Text: slackEscapes.Replace(m.title()), Attachments: []slackAttachment{}}
	for i, a := range append(m.firing, m.resolved...) {
		if i == 10 { // Slack shows no more
			b.Text += fmt.Sprintf(" (%d more)", len(m.firing)+len(m.resolved)+m.omitted-i)
			break
		}
		one := slackAttachment{Color: "good", Title: slackEscapes.Replace(a.headline()), TitleLink: m.dashboard, MrkdwnIn: []string{"text"}}
		if a.State == Firing {
			one.Color = "warning"
			if a.Labels.Get(severityLabel) == Critical {
				one.Color = "danger"
			}
		}
		one.Text = slackEscapes.Replace(a.Annotations["description"])
		one.Fallback = one.Title
		b.Attachments = append(b.Attachments, one)
	}
	return b
}

// title is one line about all of it: [FIRING:2] ServiceDown (shop).
func (m *message) title() string {
	state, n := "FIRING", len(m.firing)+m.omitted
	if m.status() == Resolved {
		state, n = "RESOLVED", len(m.resolved)+m.omitted
	}
	return fmt.Sprintf("[%s:%d] %s (%s)", state, n, m.rule, m.app)
}

// headline is one line about an alert.
func (a *Active) headline() string {
	text := a.Annotations["summary"]
	if text == "" {
		text = a.Labels.String()
	}
	if a.State == Resolved {
		text = "Over: " + text
	}
	return text
}
