package e2e

import (
	"testing"
	"time"
)

// The storefront in a browser: browse, search, sign up, buy, see the order; no
// page has an accessibility violation that axe can find.
func TestStorefrontInBrowser(t *testing.T) {
	long(t)
	visitor := storefrontVisitor(t)
	s := startShop(t)
	visitStorefront(t, visitor, "whole", s.url(""), 11)
}

// Payment and recommendation are away: the page says so, and the rest works.
func TestStorefrontInBrowserDegraded(t *testing.T) {
	long(t)
	visitor := storefrontVisitor(t)
	s := startShop(t)
	for _, name := range []string{"payment", "recommendation"} {
		kill(t, int(s.one(name).GetPid()))
		s.must("scale", name, "0") // or it would be back before the page can say anything
	}
	visitStorefront(t, visitor, "degraded", s.url(""), 7)
	s.must("scale", "payment", "1")
	s.signUp().buy()
}

func storefrontVisitor(t *testing.T) visitor {
	t.Helper()
	needs(t, "python3") // a page without recommendations is another page
	return newVisitor(t, "e2e/browser", "e2e-setup")
}

// stop is a page that was checked.
type stop struct {
	Stop, Look, Address string
	Passes              int
	Violations          []struct{ ID, Impact, Help string }
	// Set where the visit could not go on.
	Failed, Text string
	Errors       []string
}

// visitMost bounds a visit to the shop.
const visitMost = 4 * time.Minute

// visitStorefront runs a visit and fails the test for each violation.
func visitStorefront(t *testing.T, v visitor, name, base string, pages int) {
	t.Helper()
	began := time.Now()
	visited, checks := map[string]bool{}, 0
	run(t, v, visitMost, []string{"visit.mjs", name, base, v.chromium}, func(s stop, text string) {
		if s.Failed != "" {
			t.Errorf("at %s: %s\nthe page says: %s\nerrors: %v", s.Address, s.Failed, s.Text, s.Errors)
			return
		}
		visited[s.Stop] = true
		checks += s.Passes
		for _, violation := range s.Violations {
			t.Errorf("%s (%s, %s): %s, %s: %s", s.Stop, s.Look, s.Address, violation.ID, violation.Impact, violation.Help)
		}
		if len(s.Violations) > 0 {
			t.Log(text)
		}
	})
	if len(visited) < pages {
		t.Errorf("%d pages were checked, want %d", len(visited), pages)
	}
	figure(t, "%d pages in two looks, %d checks by axe passed, in %s", len(visited), checks, ms(time.Since(began)))
}
