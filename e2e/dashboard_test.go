package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// page is a browser that is at a dashboard.
type page struct {
	t      *testing.T
	client *http.Client
	home   string // without the slash at the end
}

// visit opens a link as a browser does: names below localhost are this machine.
func visit(t *testing.T, link string) *page {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, client: &http.Client{Transport: transport, Jar: jar}, home: "http://" + u.Host}
	res, err := p.client.Get(u.String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body) // only where it leads counts
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.RawQuery != "" {
		t.Fatalf("the link leads to %s: %s", res.Request.URL, res.Status)
	}
	return p
}

// call makes a request below /api/; without a body it is a GET.
func (p *page) call(path, body string) (status int, answer string) {
	p.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	q, err := http.NewRequestWithContext(p.t.Context(), method, p.home+"/api/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := p.client.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

func (p *page) gives(path, body string, status int, text string) {
	p.t.Helper()
	if got, answer := p.call(path, body); got != status || !strings.Contains(answer, text) {
		p.t.Fatalf("%s: %d %s, want %d with %q", path, got, answer, status, text)
	}
}

// stream opens the stream of events; next returns the next event of a kind.
func (p *page) stream(kinds string) (next func(kind string) string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	p.t.Cleanup(cancel)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, p.home+"/api/stream?kinds="+kinds, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.client.Do(q)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%v, %v", res, err)
	}
	p.t.Cleanup(func() { _ = res.Body.Close() }) // it is read until then
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func(kind string) string {
		p.t.Helper()
		current := ""
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				current = name
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && current == kind {
				return data
			}
		}
		p.t.Fatalf("the stream ends without an event %s: %v", kind, lines.Err())
		return ""
	}
}

const (
	getStatus = "banyan.v1.ControlService/GetStatus"
	restartS1 = "banyan.v1.ControlService/Restart"
)

// A person opens the link that the CLI prints, looks, and acts; others do not get in.
func TestDashboard(t *testing.T) {
	a := newApp(t, tinyFile(1, 1))
	if up := a.up(); strings.Contains(up.out+up.err, "token=") {
		t.Errorf("a link is printed where no terminal is: %s", up)
	}
	link := a.must("dashboard").out
	p := visit(t, link)
	p.gives("session", "", http.StatusOK, `"role":"operator"`)
	p.gives(getStatus, "{}", http.StatusOK, `"s1"`)
	if again, err := p.client.Get(strings.TrimSpace(link)); err != nil || again.StatusCode != http.StatusOK {
		t.Errorf("its own browser again: %v, %v", again, err)
	}
	stranger := &page{t: t, client: &http.Client{Transport: p.client.Transport}, home: p.home}
	stranger.gives(getStatus, "{}", http.StatusUnauthorized, "banyan dashboard")
	res, err := stranger.client.Get(strings.TrimSpace(link))
	if err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("the link a second time: %v, %v", res, err)
	}
	u, err := url.Parse(p.home)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.Get("http://127.0.0.1:" + u.Port() + "/"); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("by another name: %v, %v", res, err)
	}

	next := p.stream("status,rates")
	before := next("status")
	viewer := visit(t, a.must("dashboard", "--viewer").out)
	viewer.gives(getStatus, "{}", http.StatusOK, `"s1"`)
	viewer.gives(restartS1, `{"service":"s1"}`, http.StatusForbidden, "viewer")
	p.gives(restartS1, `{"service":"s1"}`, http.StatusOK, "{}")
	if after := next("status"); after == before {
		t.Error("the status is the same after a restart")
	}
	a.settled(time.Minute)
	_ = get(t, a.url("/s1"))
	for until := time.Now().Add(20 * time.Second); ; {
		var rates struct{ Edges []struct{ From, To string } }
		if err := json.Unmarshal([]byte(next("rates")), &rates); err != nil {
			t.Fatal(err)
		}
		if len(rates.Edges) > 0 && rates.Edges[0].From == "gateway" && rates.Edges[0].To == "s1" {
			break
		}
		if time.Now().After(until) {
			t.Fatal("no rates of the request")
		}
		_ = get(t, a.url("/s1"))
	}
	audit := a.must("audit").out
	for _, want := range []string{"ControlService/Apply", "sign in", "ControlService/Restart s1", "refused: a viewer"} {
		if !strings.Contains(audit, want) {
			t.Errorf("no %q in\n%s", want, audit)
		}
	}
	token := strings.TrimSpace(link[strings.IndexByte(link, '=')+1:])
	if logs := a.must("logs", "daemon").out; strings.Contains(logs+audit, token) {
		t.Error("the token is in a log")
	}
	a.edit("services:", "dashboard: off\nservices:")
	a.up()
	await(t, 10*time.Second, "the dashboard closes", func() error {
		if off := a.banyan("dashboard"); off.code == 0 || !strings.Contains(off.err, "the dashboard is off") {
			return errors.New(off.String())
		}
		if status, answer := p.call("session", ""); status != 0 {
			return fmt.Errorf("it is off, and answers %d %s", status, answer)
		}
		return nil
	})
}

// The daemon is killed: the page is let in by the next one, at the same address.
func TestDashboardOutlivesTheDaemon(t *testing.T) {
	a := startTiny(t, 1, 1)
	p := visit(t, a.must("dashboard").out)
	var hello struct{ Boot string }
	if err := json.Unmarshal([]byte(p.stream("status")("hello")), &hello); err != nil {
		t.Fatal(err)
	}
	daemon := int(a.settled(30 * time.Second).GetDaemon().GetPid())
	kill(t, daemon)
	await(t, 15*time.Second, "the dashboard of the next daemon", func() error {
		status, answer := p.call("session", "")
		if status != http.StatusOK {
			return fmt.Errorf("%d %s", status, answer)
		}
		if strings.Contains(answer, hello.Boot) {
			return errors.New("the old one answers")
		}
		return nil
	})
	p.gives(getStatus, "{}", http.StatusOK, `"s1"`)
	if home := a.ps().GetDashboardUrl(); home != p.home+"/" {
		t.Errorf("it was at %s/ and is at %s", p.home, home)
	}
	next := p.stream("status")
	next("status")
	a.must("down")
	if bye := next("bye"); !strings.Contains(bye, "down") {
		t.Errorf("the stream ends with %s", bye)
	}
}
