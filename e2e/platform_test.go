package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
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

// The daemon is killed under publishes: those that begin when it is dead wait for
// the next one. Only what was under way before that may be answered that it broke; it is sent again.
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
		threadsGone(t, daemon)
		p.dead.Store(true)
		p.more(10 * publishers)
		figure(t, "%d publishers went on %s after the daemon was killed", publishers, ms(time.Since(began)))
		if late := p.late.Load(); late > 0 {
			t.Errorf("%d publishes broke that began when the daemon was dead", late)
		}
		p.dead.Store(false)
	}
	p.finish()
	a.mustBeWhole(t)
}

// threadsGone waits until no thread of a killed process is left to hold its sockets
// open: its first one can be a zombie before.
func threadsGone(t *testing.T, pid int) {
	t.Helper()
	await(t, 5*time.Second, "the end of all threads", func() error {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err == nil && len(threads) > 1 {
			return fmt.Errorf("%d are left", len(threads))
		}
		return nil
	})
}

// publishers send events one after the other, each again where it broke.
type publishers struct {
	t    *testing.T
	stop context.CancelFunc
	all  sync.WaitGroup

	dead           atomic.Bool // the daemon is, or was, and the next one is not killed yet
	answered, late atomic.Int64
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
		dead := p.dead.Load()
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
			if dead {
				p.late.Add(1)
			}
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
