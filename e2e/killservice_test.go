package e2e

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// reads are requests that need one service each, besides the gateway.
func (c customer) reads() map[string]string {
	item := c.products(1)[0].ID
	all := map[string]string{
		"storefront":     c.url("/"),
		"catalog":        c.url("/api/products?limit=5"),
		"inventory":      c.url("/api/stock?product=" + item),
		"user":           c.url("/api/users/me"),
		"order":          c.url("/api/orders"),
		"recommendation": c.url("/api/recommendations?product=" + item),
	}
	if _, err := exec.LookPath("python3"); err != nil {
		delete(all, "recommendation")
	}
	return all
}

// without are the requests that do not need the service.
func without(reads map[string]string, service string) []string {
	var urls []string
	for _, name := range slices.Sorted(maps.Keys(reads)) {
		if name != service {
			urls = append(urls, reads[name])
		}
	}
	return urls
}

// Each service in turn is killed under load. What does not need it never fails,
// and it comes back within a second and the time of its own start.
func TestKillEachService(t *testing.T) {
	long(t)
	s := startShop(t)
	ada := s.signUp()
	ada.buy()
	st, err := s.status()
	if err != nil {
		t.Fatal(err)
	}
	var crashes []crash
	for _, sv := range st.GetServices() {
		if sv.GetState() == banyanv1.State_STATE_LEFT_OUT {
			continue
		}
		t.Run(sv.GetName(), func(t *testing.T) {
			l := startLoad(t, loadOptions{
				rate: 120, urls: without(ada.reads(), sv.GetName()), header: map[string][]string{"Authorization": {"Bearer " + ada.token}},
			})
			c := s.crash(t, sv.GetName())
			l.more(120)
			l.finish()
			crashes = append(crashes, c)
			figure(t, "noticed after %s, started again after %s, ready %s later; %d requests to the rest, %d failed",
				ms(c.noticed), ms(c.started), ms(c.start), l.sent, len(l.failures))
			if c.started >= time.Second {
				t.Errorf("it was started again after %s, want less than 1s", c.started)
			}
		})
	}
	ada.buy()
	noticed := median(crashes, func(c crash) time.Duration { return c.noticed })
	started := median(crashes, func(c crash) time.Duration { return c.started })
	figure(t, "median: noticed after %s, started again after %s", ms(noticed), ms(started))
	if noticed >= 100*time.Millisecond {
		t.Errorf("a crash is noticed after %s at the median, want less than 100ms", noticed)
	}
}

// crash is how long it took from a kill on.
type crash struct {
	noticed time.Duration // until the status says so
	started time.Duration // until the new process runs
	start   time.Duration // from there until it is ready: its own start
}

// crash kills the service's only instance and waits until it is back.
func (a *app) crash(t *testing.T, name string) crash {
	t.Helper()
	before := a.one(name)
	began := kill(t, int(before.GetPid()))
	c := crash{}
	var now *banyanv1.Instance
	await(t, 60*time.Second, name+" to be back", func() error {
		st, err := a.status()
		if err != nil {
			return err
		}
		s := service(st, name)
		if len(s.GetInstances()) != 1 {
			return fmt.Errorf("%d instances", len(s.GetInstances()))
		}
		now = s.GetInstances()[0]
		if c.noticed == 0 && (now.GetPid() != before.GetPid() || now.GetState() != banyanv1.State_STATE_READY) {
			c.noticed = time.Since(began)
		}
		if now.GetPid() == before.GetPid() || now.GetState() != banyanv1.State_STATE_READY {
			return fmt.Errorf("is %s: %s", now.GetState(), now.GetReason())
		}
		return nil
	})
	if now.GetRestarts() != before.GetRestarts()+1 {
		t.Errorf("%d restarts after one kill, from %d", now.GetRestarts(), before.GetRestarts())
	}
	c.started = now.GetStartedAt().AsTime().Sub(began)
	c.start = now.GetReadyAt().AsTime().Sub(now.GetStartedAt().AsTime())
	return c
}

func median[T any](list []T, of func(T) time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	values := make([]time.Duration, len(list))
	for n := range list {
		values[n] = of(list[n])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// ms is a duration as people read it.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
