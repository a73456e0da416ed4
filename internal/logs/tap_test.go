package logs

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// tapped reads by Tap until so many records came, and returns their lines and the
// places behind them.
func tapped(t *testing.T, c *Collector, from map[string]Place, want int) ([]string, map[string]Place) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var lines []string
	places := map[string]Place{}
	c.Tap(ctx, from, func(b Batch) bool {
		for _, r := range b.Records {
			lines = append(lines, b.Service+" "+r.Line)
		}
		places[b.Service] = b.End
		return len(lines) < want
	})
	if len(lines) != want {
		t.Fatalf("%d lines, want %d: %v", len(lines), want, lines)
	}
	return lines, places
}

// TestTap: another Collector goes on at the places of the one before, and each record
// comes once, over segments too.
func TestTap(t *testing.T) {
	dir := t.TempDir()
	open := func() *Collector {
		c, err := New(Options{Dir: dir, SegmentSize: 2 << 10, Segments: 100})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	write := func(c *Collector, from, to int) {
		t.Helper()
		if err := c.Open("order-1", "order"); err != nil {
			t.Fatal(err)
		}
		out, _ := c.SpoolPaths("order-1")
		f, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := from; i < to; i++ {
			fmt.Fprintf(f, "line %d\n", i)
		}
	}
	write(c, 0, 50)
	got, places := tapped(t, c, nil, 50)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open()
	defer c.Close()
	write(c, 50, 90)
	more, _ := tapped(t, c, places, 40)
	for i, line := range append(got, more...) {
		if want := fmt.Sprintf("order line %d", i); line != want {
			t.Fatalf("%q, want %q", line, want)
		}
	}
	// A place behind all there is belongs to a directory that is gone.
	if again, _ := tapped(t, c, map[string]Place{"order": {Segment: 999, Offset: 1}}, 90); again[0] != "order line 0" {
		t.Errorf("it begins with %q", again[0])
	}
}

// TestTapFollows: what is written while it runs comes, too.
func TestTapFollows(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Open("order-1", "order"); err != nil {
		t.Fatal(err)
	}
	out, _ := c.SpoolPaths("order-1")
	for i := range 3 {
		f, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "%d\n", i)
		_ = f.Close()
		tapped(t, c, nil, i+1)
	}
}
