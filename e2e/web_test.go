package e2e

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Each screen of the dashboard in a browser, light and dark, wide and narrow, with a
// stand-in for the daemon behind it: nothing is written to the console, the page's
// policy refuses nothing, axe finds no violation, nothing is wider than the window,
// and what acts does what it says.
func TestDashboardScreens(t *testing.T) {
	long(t)
	looked, acted := browse(t, newVisitor(t, "web", "web-setup"), "e2e/browse.mjs")
	if screens := 35; looked < 4*screens {
		t.Errorf("%d looks at screens, want %d", looked, 4*screens)
	}
	if acts := 16; len(acted) < acts {
		t.Errorf("%d acts, want %d", len(acted), acts)
	}
	figure(t, "%d looks at screens, %d acts", looked, len(acted))
}

// A map of 300 services is smooth while it is dragged and zoomed: what that means is
// said in the script.
func TestDashboardLargeMap(t *testing.T) {
	long(t)
	_, acted := browse(t, newVisitor(t, "web", "web-setup"), "e2e/large.mjs")
	figure(t, "%s", strings.Join(acted, "; "))
}

// A trace of 5,000 spans is there at once, and smooth while it is scrolled, searched,
// folded and zoomed: what that means is said in the script.
func TestDashboardLongTrace(t *testing.T) {
	long(t)
	_, acted := browse(t, newVisitor(t, "web", "web-setup"), "e2e/long.mjs")
	figure(t, "%s", strings.Join(acted, "; "))
}

// Payment becomes slow. Home says so, and three clicks lead from there to the call of
// payment that took the time.
func TestFaultFoundFromHome(t *testing.T) {
	long(t)
	v := newVisitor(t, "web", "web-setup")
	s := startShop(t)
	endOrders := s.orders(3)
	defer endOrders()
	payment := s.one("payment")
	await(t, 2*time.Minute, "enough to know what is usual", func() error {
		usual := s.must("query", `count_over_time((histogram_quantile(0.95, sum(rate(banyan_request_duration_seconds{callee="payment"}[1m]))) > 0)[15m:15s]) >= 4`).out
		if !strings.Contains(usual, "VALUE") {
			return errors.New(usual)
		}
		return nil
	})
	put(t, at(payment, "/bank"), map[string]any{"mode": "delay", "delay_ms": 1500})
	link := strings.TrimSpace(s.must("dashboard").out)
	home, _, _ := strings.Cut(link, "/?")
	v.env = append(v.env, "BANYAN_LINK="+link)
	_, acted := browse(t, v, "e2e/fault.mjs", home, "payment")
	if len(acted) != 4 {
		t.Errorf("it looked and clicked %d times, want once and three times", len(acted))
	}
	figure(t, "%s", strings.Join(acted, " | "))
}

// orders has a customer who orders so many times a second until the function returned is called.
func (s shop) orders(perSecond int) (end func()) {
	s.t.Helper()
	ada, item := s.signUp(), s.products(1)[0].ID
	body := map[string]any{"items": []any{map[string]any{"product_id": item, "quantity": 1}}}
	ticker, stop := time.NewTicker(time.Second/time.Duration(perSecond)), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			wg.Go(func() { // what comes back does not matter here
				_, _ = send(http.MethodPost, s.url("/api/orders"), body, append(ada.bearer(), "Idempotency-Key", unique())...)
			})
		}
	})
	return func() {
		ticker.Stop()
		close(stop)
		wg.Wait()
	}
}

// look is what was seen of a screen, or of an act.
type look struct {
	Stop, Look, Act, Failed string
	Overflow                int
	Errors                  []string
	Violations              []struct{ ID, Impact, Help string }
}

// browseMost bounds a visit to all screens.
const browseMost = 10 * time.Minute

// browse runs a visit to the dashboard and answers how often it looked and what it did.
func browse(t *testing.T, v visitor, args ...string) (looked int, acted []string) {
	t.Helper()
	run(t, v, browseMost, args, func(l look, text string) {
		if l.Stop != "" {
			looked++
		}
		if l.Act != "" {
			acted = append(acted, l.Act)
		}
		if l.Failed != "" || l.Overflow > 0 || len(l.Errors) > 0 || len(l.Violations) > 0 {
			t.Error(text)
		}
	})
	return looked, acted
}
