package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Three inventories share the work request by request, even where one client
// sends all on one connection.
func TestScaleBalancesPerRequest(t *testing.T) {
	long(t)
	s := startShop(t)
	item := s.products(1)[0].ID
	s.must("scale", "inventory", "3")
	oneConnection := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	const requests = 300
	for range requests {
		res, err := oneConnection.Get(s.url("/api/stock?product=" + item))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
	}
	var by map[string]int
	await(t, 10*time.Second, "the access log", func() error {
		by = map[string]int{}
		n := 0
		for line := range strings.SplitSeq(s.must("logs", "gateway", "--json").out, "\n") {
			var outer struct{ Line string }
			var record struct{ Path, Instance string }
			if json.Unmarshal([]byte(line), &outer) == nil && json.Unmarshal([]byte(outer.Line), &record) == nil && record.Path == "/api/stock" {
				by[record.Instance]++
				n++
			}
		}
		if n < requests {
			return fmt.Errorf("%d records of %d", n, requests)
		}
		return nil
	})
	figure(t, "%d requests on one connection went to %v", requests, by)
	if len(by) != 3 {
		t.Errorf("%d instances answered, want 3", len(by))
	}
	for instance, n := range by {
		if n < requests/3/2 || n > requests/3*2 {
			t.Errorf("%s answered %d of %d requests", instance, n, requests)
		}
	}
	s.signUp().buy()
}

// Scaling up and down under load costs no request.
func TestScaleUnderLoad(t *testing.T) {
	long(t)
	a := startTiny(t, 2, 1)
	l := startLoad(t, loadOptions{rate: 150, urls: []string{a.url("/s1/sleep?d=10ms"), a.url("/s1")}})
	other := a.one("s2").GetPid()
	for _, n := range []int{4, 1, 3, 2} {
		a.must("scale", "s1", strconv.Itoa(n))
		l.more(60)
		await(t, 10*time.Second, "the instances", func() error {
			st, err := a.status()
			if err != nil {
				return err
			}
			return a.whole(st)
		})
	}
	l.finish()
	if now := a.one("s2").GetPid(); now != other {
		t.Errorf("s2 was process %d and is %d now", other, now)
	}
	// Scaled to 0 it says why it does not answer, and comes back.
	a.must("scale", "s1", "0")
	ask(t, http.MethodGet, a.url("/s1"), nil).problem(t, http.StatusServiceUnavailable, "no-ready-instance")
	a.must("scale", "s1", "1")
	a.who("/s1")
}
