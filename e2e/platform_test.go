package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// platformFile is an app whose service knows where Banyan itself is.
const platformFile = `
name: platform
gateway: {listen: ":${port}", routes: [{path: /front, to: front}]}
services:
	front: {command: "${testapp}", readiness: {http: /healthz}}
`

// banyanURL is what an instance has in $BANYAN_URL.
func (a *app) banyanURL() string {
	a.t.Helper()
	url := string(get(a.t, a.url("/front/env?name=BANYAN_URL")).body)
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		a.t.Fatalf("BANYAN_URL is %q", url)
	}
	return url
}

// Banyan knows who calls it, whatever the caller says, and refuses as the data plane does.
func TestPlatform(t *testing.T) {
	a := newApp(t, platformFile)
	a.up()
	url := a.banyanURL()
	for _, forged := range []string{"Banyan-Caller", "banyan_caller", "X-None"} {
		res := ask(t, http.MethodGet, url+"/nothing", nil, forged, "vault")
		p := res.problem(t, http.StatusNotFound, "no-route")
		if p.Service != "banyan" || p.Caller != "front" || res.header.Get("Banyan-Error") != "no-route" {
			t.Errorf("%s: %s", forged, res)
		}
	}
	before := a.pidsNow()
	a.up()
	samePids(t, before, a.pidsNow())
	if now := a.banyanURL(); now != url {
		t.Errorf("it was at %s and is at %s", url, now)
	}
}

// The daemon is killed under publishes: they wait for the next one. What had been
// sent to the dead one, or goes out on a connection whose end is not noticed yet, is
// answered that it broke, and is sent again; nothing else is heard of the kill.
func TestKillDaemonUnderPublishes(t *testing.T) {
	a := newApp(t, platformFile)
	a.up()
	const publishers = 8
	p := startPublishers(t, a.banyanURL()+"/v1/topics/nobody.declares-this", publishers)
	for range 3 {
		p.more(10 * publishers)
		daemon := int(a.settled(30 * time.Second).GetDaemon().GetPid())
		began := kill(t, daemon)
		dead(t, daemon)
		p.more(10 * publishers)
		figure(t, "%d publishers went on %s after the daemon was killed; %d publishes had to be sent again", publishers, ms(time.Since(began)), p.broken.Swap(0))
	}
	p.finish()
	a.mustBeWhole(t)
}

// publishers send events one after the other, each again where it broke.
type publishers struct {
	t    *testing.T
	stop context.CancelFunc
	all  sync.WaitGroup

	answered, broken atomic.Int64
}

func startPublishers(t *testing.T, url string, n int) *publishers {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &publishers{t: t, stop: stop}
	for range n {
		p.all.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c := &http.Client{Transport: transport, Timeout: 30 * time.Second}
			for ctx.Err() == nil {
				if err := p.publish(c, url); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	t.Cleanup(p.finish)
	return p
}

// publish sends an event until Banyan has answered, whatever it says.
func (p *publishers) publish(c *http.Client, url string) error {
	for {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader([]byte(`{"n":1}`)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		var said problem
		if err == nil {
			err = json.Unmarshal(text, &said)
		}
		switch {
		case err != nil:
			return fmt.Errorf("%w: %d %s", err, res.StatusCode, text)
		case said.Code == "upstream-reset":
			p.broken.Add(1)
		case said.Service != "banyan" || said.Code == "platform-restarting" || strings.HasPrefix(said.Code, "upstream-"):
			return fmt.Errorf("%d %s", res.StatusCode, text)
		default:
			p.answered.Add(1)
			return nil
		}
	}
}

// more waits until n more were answered.
func (p *publishers) more(n int) {
	p.t.Helper()
	want := p.answered.Load() + int64(n)
	await(p.t, 15*time.Second, "more publishes", func() error {
		if got := p.answered.Load(); got < want {
			return fmt.Errorf("%d were answered, want %d", got, want)
		}
		return nil
	})
}

func (p *publishers) finish() {
	p.stop()
	p.all.Wait()
}
