package alert

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// after is a time so many seconds after start.
func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// found are series of services, with the values 1.
func found(services ...string) []metrics.Series {
	var out []metrics.Series
	for _, s := range services {
		out = append(out, metrics.Series{Labels: metrics.Named("up", "service", s), Points: []metrics.Point{{Value: 1}}})
	}
	return out
}

// show writes the alerts of a track.
func show(t *track) string {
	var out []string
	for _, a := range t.list() {
		text := a.Labels.Get("service") + " " + string(a.State)
		if !a.Ended.IsZero() {
			text += " kept"
		}
		out = append(out, text)
	}
	if len(t.past) > 0 {
		out = append(out, fmt.Sprintf("%d past", len(t.past)))
	}
	return strings.Join(out, ", ")
}

func TestTrack(t *testing.T) {
	tr := newTrack(Rule{Name: "Down", For: 30 * time.Second, KeepFiring: 20 * time.Second, Labels: map[string]string{"severity": "critical"}, Summary: "{{ $labels.service }} is {{ $value }}"})
	for _, step := range []struct {
		at    int
		found []metrics.Series
		want  string
	}{
		{0, nil, ""},
		{15, found("cart"), "cart pending"},
		{30, nil, ""}, // it must hold all the time
		{45, found("cart"), "cart pending"},
		{60, found("cart", "order"), "cart pending, order pending"},
		{75, found("cart", "order"), "cart firing, order pending"},
		{90, found("order"), "order firing, cart firing kept"},
		{95, found("cart", "order"), "cart firing, order firing"}, // it came back
		{100, found("order"), "cart firing kept, order firing"},
		{120, found("order"), "order firing, 1 past"},
		{121, nil, "order firing kept, 1 past"},
		{3600, nil, "2 past"},
		{120 + 3601, nil, "1 past"},
	} {
		tr.step(after(step.at), step.found)
		got := strings.Split(show(tr), ", ")
		want := strings.Split(step.want, ", ")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("at %d s: %q, want %q", step.at, got, want)
		}
	}
	tr.step(after(5000), found("cart"))
	a := tr.list()[0]
	if a.Labels.String() != `{alertname="Down", service="cart", severity="critical"}` || a.Annotations["summary"] != "cart is 1" {
		t.Errorf("%v, %v", a.Labels, a.Annotations)
	}
}

func TestTooManyAlerts(t *testing.T) {
	tr := newTrack(Rule{Name: "Down"})
	var many []metrics.Series
	for i := range 2 * maxActive {
		many = append(many, metrics.Series{Labels: metrics.Named("up", "id", strconv.Itoa(i)), Points: []metrics.Point{{Value: 1}}})
	}
	tr.step(start, many)
	if n := len(tr.list()); n != maxActive {
		t.Errorf("%d alerts", n)
	}
	tr.step(after(15), nil)
	if n := len(tr.past); n != maxPast {
		t.Errorf("%d are past", n)
	}
}

func TestOutline(t *testing.T) {
	for text, want := range map[string]string{
		"{{ humanizePercentage $value }} of the requests to {{$labels.callee | toUpper}} fail": "‹value› of the requests to ‹callee› fail",
		"plain": "plain", "a {{ $value": "a {{ $value",
	} {
		if got := Outline(text); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	ls := metrics.Named("up", "service", "cart", "size", "2048")
	for text, want := range map[string]string{
		"plain":                               "plain",
		"{{ $labels.service }} is {{$value}}": "cart is 0.1235",
		"{{ $labels.none }}":                  "",
		"{{ humanizePercentage $value }}":     "12.35%",
		"{{ $value | humanizeDuration }}":     "123.5ms",
		"{{ $labels.service | toUpper }}":     "CART",
		"{{ humanize1024 $labels.size }}":     "2Ki",
	} {
		parsed, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := parsed.expand(ls, 0.12345678); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a {{ $value":           "the {{ has no closing }}",
		"{{ value }}":           "{{ value }} means nothing",
		"{{ }}":                 "{{ }} means nothing",
		"{{ $value | }}":        "{{ $value | }} means nothing",
		"{{ query $value }}":    "there is no function query",
		"{{ $labels. }}":        "{{ $labels. }} means nothing",
		"{{ range $labels.x }}": "there is no function range",
	} {
		if _, err := parseTemplate(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for v, want := range map[float64]string{0: "0s", 0.00012: "120us", 3: "3s", 61: "1m1s", 100000: "1d 3h46m40s", 12345678: "142d 21h21m18s"} {
		if got := humanizeDuration(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

// firing are alerts of a rule that fire.
func firing(at int, services ...string) []Active {
	var out []Active
	for _, s := range services {
		out = append(out, Active{Labels: metrics.Labels{{Name: "alertname", Value: "Down"}, {Name: "service", Value: s}}, State: Firing, Since: after(at), Fired: after(at)})
	}
	return out
}

// told takes what is due at a time, and says it.
func told(l *ledger, at int, err error) string {
	notices, wait := l.take(after(at))
	var out []string
	for _, n := range notices {
		words := []string{n.rule + ":"}
		for _, a := range slices.Concat(n.firing, n.resolved) {
			words = append(words, a.Labels.Get("service"), string(a.State))
		}
		out = append(out, strings.Join(words, " "))
		l.done(n, after(at), err, false)
	}
	if wait >= 0 && len(notices) == 0 {
		out = append(out, "in "+wait.String())
	}
	return strings.Join(out, "; ")
}

func TestLedger(t *testing.T) {
	l := newLedger()
	l.apply([]Receiver{{Name: "ops"}})
	broken := errors.New("no answer")
	for _, step := range []struct {
		at     int
		firing []Active
		err    error
		want   string
	}{
		{0, firing(0, "cart"), nil, "in 10s"},
		{10, firing(0, "cart", "order"), nil, "Down: cart firing order firing"}, // together
		{15, firing(0, "cart", "order"), nil, "in 3h59m55s"},                    // once
		{30, firing(0, "order"), nil, "in 40s"},
		{70, firing(0, "order"), broken, "Down: order firing cart resolved"},
		{72, firing(0, "order"), nil, "in 3s"}, // after a failure
		{75, firing(0, "order"), broken, "Down: order firing cart resolved"},
		{85, firing(0, "order"), nil, "Down: order firing cart resolved"},
		{90, firing(0, "order"), nil, "in 3h59m55s"},
		{85 + 4*3600, firing(0, "order"), nil, "Down: order firing"}, // it lasts
		{15000, nil, nil, "Down: order resolved"},
		{15100, nil, nil, ""},
		// One that is over before it was told is not told.
		{15200, firing(15200, "cart"), nil, "in 10s"},
		{15205, nil, nil, ""},
		// One that fires anew is told anew.
		{16000, firing(16000, "cart"), nil, "in 10s"},
		{16010, firing(16000, "cart"), nil, "Down: cart firing"},
		{16020, firing(16015, "cart"), nil, "in 50s"},
		{16070, firing(16015, "cart"), nil, "Down: cart firing"},
	} {
		l.update(after(step.at), map[string][]Active{"Down": step.firing})
		if got := told(l, step.at, step.err); got != step.want {
			t.Errorf("at %d s: %q, want %q", step.at, got, step.want)
		}
	}
}

func TestLedgerGivesUp(t *testing.T) {
	l := newLedger()
	l.apply([]Receiver{{Name: "ops"}})
	l.update(start, map[string][]Active{"Down": firing(0, "cart")})
	if got := told(l, 10, nil); got != "Down: cart firing" {
		t.Fatal(got)
	}
	l.update(after(100), nil)
	tries := 0
	for at := 100; at < 100+25*3600; at += 60 {
		l.update(after(at), nil)
		if strings.HasPrefix(told(l, at, errors.New("no answer")), "Down") {
			tries++
		}
	}
	if tries < 200 || tries > 300 || len(l.receivers["ops"].groups) != 0 {
		t.Errorf("%d tries, and then %v", tries, l.receivers["ops"].groups)
	}
}

// Receivers do not wait for each other, and one has a single notice under way.
func TestLedgerKeepsReceiversApart(t *testing.T) {
	l := newLedger()
	l.apply([]Receiver{{Name: "a"}, {Name: "b"}})
	l.update(start, map[string][]Active{"Down": firing(0, "cart"), "Slow": firing(0, "order")})
	notices, _ := l.take(after(20))
	if len(notices) != 2 || notices[0].receiver.Name != "a" || notices[1].receiver.Name != "b" {
		t.Fatalf("%+v", notices)
	}
	if more, wait := l.take(after(30)); len(more) != 0 || wait >= 0 {
		t.Errorf("both are busy: %+v, %v", more, wait)
	}
	l.done(notices[1], after(30), nil, false)
	if more, _ := l.take(after(30)); len(more) != 1 || more[0].receiver.Name != "b" || more[0].rule != "Slow" {
		t.Errorf("%+v", more)
	}
	l.apply([]Receiver{{Name: "b"}})
	l.done(notices[0], after(40), nil, false) // to one that is gone
}

func TestRulesOfAnApp(t *testing.T) {
	app := load(t, `
alerts:
  LatencyHigh: off
  ServiceDown: {for: 5m, severity: warning, labels: {team: shop}}
  Mine: {expr: up == 0}
recordings: {"a:b": sum(up)}
`)
	rules := FromApp(app)
	byName := map[string]Rule{}
	for _, r := range rules {
		byName[r.Name] = r
	}
	if len(rules) != len(Shipped())+1 || !rules[0].Recording || rules[0].Name != "a:b" {
		t.Errorf("%d rules, the first is %+v", len(rules), rules[0])
	}
	if _, ok := byName["LatencyHigh"]; ok {
		t.Error("LatencyHigh is off")
	}
	down := byName["ServiceDown"]
	if down.For != 5*time.Minute || down.Labels["severity"] != "warning" || down.Labels["team"] != "shop" || down.Expr == "" || !down.Shipped {
		t.Errorf("%+v", down)
	}
	if mine := byName["Mine"]; mine.Expr != "up == 0" || mine.Labels["severity"] != Warning || mine.Shipped {
		t.Errorf("%+v", mine)
	}
	for _, r := range Shipped() {
		if r.Name == "ServiceDown" && r.Labels["severity"] != Critical {
			t.Error("an app's change stays with the app")
		}
	}
}

func TestShippedRules(t *testing.T) {
	var names []string
	for _, r := range Shipped() {
		names = append(names, r.Name)
		if err := metrics.Parse(r.Expr); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		for _, text := range []string{r.Summary, r.Description} {
			if _, err := parseTemplate(text); err != nil || text == "" {
				t.Errorf("%s: %q: %v", r.Name, text, err)
			}
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, appfile.ShippedAlerts) {
		t.Errorf("the app file knows %q, and these are shipped: %q", appfile.ShippedAlerts, names)
	}
}

func TestCheck(t *testing.T) {
	_, err := appfile.Parse("banyan.yaml", []byte(`services: {web: {command: ./web}}
recordings:
  a:b: sum(up
alerts:
  Mine:
    expr: |
      up ==
      0 +
    summary: a {{ query $value }}
`), appfile.Options{Check: Check})
	want := `banyan.yaml:3:14: the expression is no PromQL: unclosed left parenthesis; try it on the dashboard, or by: banyan query 'EXPRESSION'
banyan.yaml:6:11: the expression is no PromQL: line 3 of it: unexpected end of input; try it on the dashboard, or by: banyan query 'EXPRESSION'
banyan.yaml:9:16: there is no function query; known are humanize, humanize1024, humanizeDuration, humanizePercentage, toLower, toUpper`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestReceiversOfAnApp(t *testing.T) {
	app := load(t, `
secrets: {HOOK: {}, NONE: {}, PASSWORD: {}}
telemetry:
  notify:
    - webhook: ${secret.HOOK}
    - slack: ${secret.NONE}
    - email: {server: "localhost:25", user: ops, password: "${secret.PASSWORD}", from: a@example.com, to: b@example.com}
`)
	set := false
	got, err := Receivers(app, func(text string) (string, error) {
		return appfile.Expand(text, func(r appfile.Ref) (string, error) {
			if r.Name == "NONE" && !set {
				return "", errors.New("it is not set")
			}
			return "https://" + r.Name, nil
		})
	})
	if err == nil || !strings.Contains(err.Error(), "slack-2 cannot be told of alerts") {
		t.Error(err)
	}
	if len(got) != 3 || got[0].Name != "webhook-1" || got[0].Webhook != "${secret.HOOK}" || got[2].Email.Encryption != StartTLS {
		t.Fatalf("%+v", got)
	}
	set = true
	if r, err := got[1].expanded(); err != nil || r.Slack != "https://NONE" {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := got[2].expanded(); err != nil || r.Email.Password != "https://PASSWORD" || got[2].Email.Password != "${secret.PASSWORD}" {
		t.Errorf("%+v, %v", r, err)
	}
}

func load(t *testing.T, text string) *appfile.App {
	t.Helper()
	f, err := appfile.Parse("banyan.yaml", []byte("services: {web: {command: ./web}}\n"+text), appfile.Options{Check: Check})
	if err != nil {
		t.Fatal(err)
	}
	return f.App
}
