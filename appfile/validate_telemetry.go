package appfile

import (
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

var (
	alertName  = pattern(`^[A-Za-z][A-Za-z0-9_-]{0,99}$`)
	metricName = pattern(`^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$`)
	labelName  = pattern(`^[a-zA-Z_][a-zA-Z0-9_]{0,99}$`)
)

// telemetry checks what is said of telemetry and alerts, but for expressions; those
// are Options.Check's.
func (v *validator) telemetry() {
	if t := v.app.Telemetry; t != nil && !v.isBad("telemetry") {
		if t.OTLP != nil {
			v.receiver(join("telemetry", "otlp", "grpc"), t.OTLP.GRPC, "4317")
			v.receiver(join("telemetry", "otlp", "http"), t.OTLP.HTTP, "4318")
			if t.OTLP.GRPC != "" && t.OTLP.GRPC == t.OTLP.HTTP {
				v.report(join("telemetry", "otlp", "http"), "grpc and http have the same address", "give each a port of its own")
			}
		}
		for i, n := range t.Notify {
			if at := join("telemetry", "notify", strconv.Itoa(i)); n != nil && !v.isBad(at) {
				v.notify(at, n)
			}
		}
		for i, e := range t.Export {
			if at := join("telemetry", "export", strconv.Itoa(i)); e != nil && !v.isBad(at) {
				v.export(at, e)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Alerts)) {
		if a := v.app.Alerts[name]; a != nil && !v.isBad(join("alerts", name)) {
			v.alert(name, a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Recordings)) {
		at := join("recordings", name)
		switch {
		case !metricName().MatchString(name):
			v.report(at, fmt.Sprintf("%s cannot be the name of a metric", quote(name)), "use letters, digits, _ and :, such as job:requests:rate5m")
		case strings.HasPrefix(name, "banyan_") || name == "ALERTS":
			v.report(at, name+" is a name that Banyan's own metrics have", "rename it")
		case strings.TrimSpace(v.app.Recordings[name]) == "":
			v.report(at, "the recording "+name+" has no expression", "write "+name+": sum(rate(banyan_requests_total[5m])), for example")
		}
	}
}

func (v *validator) receiver(at, address, port string) {
	if address == "" || v.isBad(at) {
		return
	}
	host, text, err := net.SplitHostPort(address)
	n, _ := strconv.Atoi(text) // 0 is refused
	_, noAddr := netip.ParseAddr(host)
	fix := `write "127.0.0.1:` + port + `"`
	switch {
	case err != nil:
		v.report(at, fmt.Sprintf("an address of otlp must be HOST:PORT or :PORT, not %s", quote(address)), fix)
	case !isDigits(text) || n < 1 || n > 65535:
		v.report(at, fmt.Sprintf("the address has no valid port: %s", quote(address)), "ports are 1 to 65535")
	case n >= firstLeased && n <= lastLeased:
		v.report(at, fmt.Sprintf("port %d is among those that banyan gives out itself, %d to %d", n, firstLeased, lastLeased), fix)
	case host != "" && host != "localhost" && noAddr != nil:
		v.report(at, fmt.Sprintf("the host %s to listen on is not an IP address", quote(host)), fix)
	}
}

func (v *validator) notify(at string, n *Notify) {
	var kinds []string
	for kind, given := range map[string]bool{"webhook": n.Webhook != "", "slack": n.Slack != "", "email": n.Email != nil} {
		if given {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	switch len(kinds) {
	case 0:
		v.report(at, "this does not say who is told", "write one of webhook, slack and email")
		return
	case 1:
	default:
		v.report(join(at, kinds[1]), "one of notify has "+strings.Join(kinds, " and "), "make an item of each")
		return
	}
	v.hook(join(at, "webhook"), n.Webhook, false)
	v.hook(join(at, "slack"), n.Slack, true)
	if n.Email != nil {
		v.email(join(at, "email"), n.Email)
	}
}

// hook checks a URL that is posted to.
func (v *validator) hook(at, text string, secret bool) {
	key := keyOf(at)
	if text == "" || v.isBad(at) || !v.serverURL(at, text, serverAddress{of: "the url of " + key, example: "ALERT_PASSWORD"}) {
		return
	}
	refs := Refs(text)
	if secret && len(refs) == 0 {
		v.warn(v.at(at), "whoever reads this file can post to the channel", "write slack: ${secret.SLACK_URL}, and secrets: {SLACK_URL: {}} at the top of the file")
	}
	if len(refs) == 1 && refs[0].String() == text {
		return // what it holds is known later
	}
	u, err := url.Parse(aReference().ReplaceAllString(text, "x"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		v.report(at, fmt.Sprintf("%s must be a URL with http or https, not %s", key, quote(text)), "write "+key+": https://…, or ${secret.NAME} for all of it")
	}
}

func (v *validator) email(at string, e *Email) {
	for key, text := range map[string]string{"user": e.User, "password": e.Password} {
		v.secretsOnly(join(at, key), text)
	}
	if !v.isBad(join(at, "server")) && e.Server != "" {
		host, port, err := net.SplitHostPort(e.Server)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
			v.report(join(at, "server"), fmt.Sprintf("server must be HOST:PORT, not %s", quote(e.Server)), "write server: smtp.example.com:587")
		}
	}
	switch {
	case e.User == "" && e.Password != "":
		v.report(join(at, "password"), "there is a password and no user", "write user: too")
	case e.User != "" && e.Password == "":
		v.report(join(at, "user"), "there is a user and no password", "write password: ${secret.SMTP_PASSWORD}, and secrets: {SMTP_PASSWORD: {}} at the top of the file")
	case e.Password != "" && len(Refs(e.Password)) == 0 && !v.isBad(join(at, "password")):
		v.report(join(at, "password"), "the password can be read by everybody who reads this file", "write password: ${secret.SMTP_PASSWORD}, and secrets: {SMTP_PASSWORD: {}} at the top of the file")
	}
	v.address(join(at, "from"), e.From)
	for i, to := range e.To {
		where := join(at, "to", strconv.Itoa(i))
		if _, ok := v.ix.find(where); !ok {
			where = join(at, "to")
		}
		v.address(where, to)
	}
}

// secretsOnly refuses references to anything but secrets.
func (v *validator) secretsOnly(at, text string) {
	for _, p := range scan(text) {
		switch {
		case p.err != nil:
			v.reportAt(at, v.inside(at, p.text), p.err.message, p.err.fix)
		case p.isRef && p.ref.Kind != "secret":
			v.reportAt(at, v.inside(at, p.text), fmt.Sprintf("%s means nothing in %s", p.text, keyOf(at)), keyOf(at)+" can use ${secret.NAME} and ${env.NAME}")
		case p.isRef && v.app.Secrets[p.ref.Name] == nil:
			v.reportAt(at, v.inside(at, p.text), fmt.Sprintf("%s names a secret that the app does not declare", p.text), v.secretFix(p.ref.Name))
		}
	}
}

func (v *validator) address(at, text string) {
	if text == "" || v.isBad(at) {
		return
	}
	if a, err := mail.ParseAddress(text); err != nil || a.Name != "" || a.Address != text {
		v.report(at, fmt.Sprintf("%s is no address of mail", quote(text)), "write it as ops@example.com")
	}
}

func (v *validator) alert(name string, a *Alert) {
	at := join("alerts", name)
	shipped := slices.Contains(ShippedAlerts, name)
	switch {
	case !alertName().MatchString(name):
		v.report(at, fmt.Sprintf("%s cannot be the name of an alert", quote(name)), "use letters, digits, - and _, a letter first, such as CheckoutSlow")
	case a.Off && !shipped:
		v.report(at, fmt.Sprintf("there is no shipped alert %s to switch off", quote(name)), suggestName(name, ShippedAlerts, "shipped alerts"))
	case a.Off && (a.Expr != "" || a.For != nil || a.KeepFiring != nil || a.Severity != "" || a.Summary != "" || a.Description != "" || len(a.Labels) > 0):
		v.report(join(at, "off"), "the alert "+name+" is off, and the other keys say what it is", "remove off, or all other keys")
	case !a.Off && !shipped && strings.TrimSpace(a.Expr) == "" && !v.isBad(join(at, "expr")):
		fix := "write expr: with PromQL that returns a series when something is wrong"
		if near := didYouMean(name, ShippedAlerts, ""); near != "" {
			fix = near
		}
		v.report(at, "the alert "+name+" has no expression", fix)
	}
	for _, label := range slices.Sorted(maps.Keys(a.Labels)) {
		switch where := join(at, "labels", label); {
		case !labelName().MatchString(label) || strings.HasPrefix(label, "__"):
			v.report(where, fmt.Sprintf("%s cannot be the name of a label", quote(label)), "use letters, digits and _")
		case label == "alertname" || label == "alertstate":
			v.report(where, "the label "+label+" is Banyan's own", "rename it")
		case label == "severity":
			v.report(where, "severity stands beside labels", "write severity: "+a.Labels[label]+" there")
		}
	}
}
