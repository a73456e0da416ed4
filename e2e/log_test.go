package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// waitForLine waits until a service's log holds a text so many times.
func (a *app) waitForLine(t *testing.T, service, text string, times int) {
	t.Helper()
	await(t, 10*time.Second, "lines in the log of "+service, func() error {
		if n := strings.Count(a.must("logs", service).out, text); n < times {
			return fmt.Errorf("%q is there %d times, want %d", text, n, times)
		}
		return nil
	})
}

var chatterLine = regexp.MustCompile(`line (\d{8}) of (\d+)`)

// What services write while the daemon is dead is there afterwards, in order,
// each line once.
func TestLogsSurviveTheDaemon(t *testing.T) {
	a := newApp(t, `
name: logs
gateway: {listen: ":${port}", routes: [{path: /s, to: s}]}
services:
	s: {command: "${testapp}", environment: {CHATTER: 2ms}}
`)
	a.up()
	last := func() int { return a.chatter(t, false) }
	for round := range rounds(2, 8) {
		seen := last()
		if round%2 == 0 { // nobody starts another daemon
			kill(t, a.pid("proxy"))
		}
		kill(t, a.pid("daemon"))
		before := time.Now()
		await(t, 10*time.Second, "more lines without a daemon", func() error {
			if time.Since(before) < 300*time.Millisecond {
				return fmt.Errorf("%d lines were seen before", seen)
			}
			return nil
		})
		a.must("ps")
		a.settled(10 * time.Second)
		await(t, 10*time.Second, "lines after the daemon", func() error {
			if now := last(); now < seen+150 {
				return fmt.Errorf("line %d, want %d and more", now, seen+150)
			}
			return nil
		})
	}
	t.Logf("%d lines", a.chatter(t, true))
	a.must("down")
}

// chatter reads the log and returns the last line's number; strict fails the
// test if a line before that is missing, twice there or out of order.
func (a *app) chatter(t *testing.T, strict bool) int {
	t.Helper()
	want, wrong := 0, 0
	for text := range strings.SplitSeq(a.must("logs", "s", "--json").out, "\n") {
		var record struct{ Line string }
		if text == "" || json.Unmarshal([]byte(text), &record) != nil {
			continue
		}
		m := chatterLine.FindStringSubmatch(record.Line)
		if m == nil {
			if strict && !strings.Contains(record.Line, "begins") {
				t.Errorf("a line that nobody wrote: %q", record.Line)
			}
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if strict && n != want && wrong < 10 {
			t.Errorf("line %d where %d should be", n, want)
			wrong++
		}
		want = n + 1
	}
	return want - 1
}
