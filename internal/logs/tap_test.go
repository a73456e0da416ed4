package logs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// TestTapResumes: places that are a little behind the end are of records that a loss of
// power took, and what was read before them is not read again.
func TestTapResumes(t *testing.T) {
	s := &store{end: position{seq: 3, off: 100, n: 7}}
	end := position{seq: 3, off: 100, n: -1}
	for place, want := range map[Place]position{
		{}:                        startOf(),
		{Segment: 3, Offset: -1}:  startOf(),
		{Segment: 3, Offset: 40}:  {seq: 3, off: 40, n: -1},
		{Segment: 2, Offset: 400}: {seq: 2, off: 400, n: -1},
		{Segment: 3, Offset: 101}: end,
		{Segment: 4, Offset: 10}:  end,
		{Segment: 5, Offset: 10}:  startOf(),
	} {
		if got := s.resume(place); got != want {
			t.Errorf("%+v: %+v, want %+v", place, got, want)
		}
	}
}

// TestTapResumesTorn: a place behind what is whole of a segment, whose end a loss of
// power left as garbage, is its end, also where nothing else has looked at it before.
func TestTapResumesTorn(t *testing.T) {
	dir := t.TempDir()
	c, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	write := func(c *Collector, line string) {
		t.Helper()
		if err := c.Open("order-1", "order"); err != nil {
			t.Fatal(err)
		}
		out, _ := c.SpoolPaths("order-1")
		if err := os.WriteFile(out, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(c, "before")
	_, places := tapped(t, c, nil, 1)
	if err := c.End("order-1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// Of what was read then, 400 bytes are gone.
	name := segmentPath(filepath.Join(dir, "segments", "order"), 1)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(data, make([]byte, 400)...), 0o600); err != nil {
		t.Fatal(err)
	}
	place := places["order"]
	place.Offset = int64(len(data)) + 400

	if c, err = New(Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.storeOf("order") // as a question does
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var lines []string
	c.Tap(ctx, map[string]Place{"order": place}, func(b Batch) bool {
		if b.Caught {
			write(c, "after")
		}
		for _, r := range b.Records {
			lines = append(lines, r.Line)
		}
		return len(lines) == 0
	})
	if len(lines) != 1 || lines[0] != "after" {
		t.Errorf("%q were handed out", lines)
	}
}

// TestTapCatchesUp: it is said once of a service that all of before was handed out.
func TestTapCatchesUp(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Open("order-1", "order"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	caught, records := 0, 0
	c.Tap(ctx, nil, func(b Batch) bool {
		if b.Caught {
			caught++
			out, _ := c.SpoolPaths("order-1")
			if err := os.WriteFile(out, []byte("x\n"), 0o600); err != nil {
				t.Error(err)
			}
		}
		records += len(b.Records)
		return records == 0
	})
	if caught != 1 || records != 1 {
		t.Errorf("caught up %d times, %d records", caught, records)
	}
}
