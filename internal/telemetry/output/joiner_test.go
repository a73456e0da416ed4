package output

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// TestTraces: each file of testdata is what a program writes; a line of dashes stands
// where one record ends and the next begins, with its level.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for line := range strings.Lines(string(data)) {
				if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "-----") {
					lines = append(lines, line)
				}
			}
			var got strings.Builder
			for _, r := range records(lines...) {
				got.WriteString("----- " + r.Severity.String() + "\n" + r.Text + "\n")
			}
			if got.String() != string(data) {
				t.Errorf("got\n%s\nwant\n%s", got.String(), data)
			}
		})
	}
}

func add(j *Joiner, at int64, text string, change ...func(*Line)) []signal.Log {
	l := Line{Time: at, Resource: instance, Text: text}
	for _, c := range change {
		c(&l)
	}
	return j.Add(nil, l)
}

func texts(logs []signal.Log) string {
	var list []string
	for i := range logs {
		list = append(list, logs[i].Text)
	}
	return strings.Join(list, ";")
}

func cut(l *Line)    { l.Cut = true }
func stderr(l *Line) { l.Stderr = true }

// TestStreams: lines of one stream are not joined to those of another.
func TestStreams(t *testing.T) {
	j := New()
	other := func(l *Line) { l.Resource = &signal.Resource{Service: "order", Instance: "order-4"} }
	for _, c := range [][]func(*Line){nil, {stderr}, {other}} {
		if got := add(j, now, "a", c...); got != nil {
			t.Error(texts(got))
		}
		if got := add(j, now, " b", c...); got != nil {
			t.Error(texts(got))
		}
	}
	if j.Waiting() != 3 {
		t.Error(j.Waiting())
	}
	if got := texts(j.End(nil, "order", "order-4")); got != "a\n b" {
		t.Error(got)
	}
	if got := texts(j.Close(nil)); got != "a\n b;a\n b" || j.Waiting() != 0 {
		t.Error(got)
	}
}

// TestQuiet: what comes later than Quiet does not belong to it.
func TestQuiet(t *testing.T) {
	j := New()
	add(j, now, "a")
	if got := j.Flush(nil, now+int64(Quiet)); got != nil {
		t.Error(texts(got))
	}
	if got := texts(add(j, now+int64(Quiet)+1, " b")); got != "a" {
		t.Error(got)
	}
	if got := texts(j.Flush(nil, now+2*int64(Quiet)+2)); got != " b" {
		t.Error(got)
	}
	add(j, now, "c")
	if got := texts(j.Flush(nil, now-1)); got != "c" { // the clock was set back
		t.Error(got)
	}
}

// TestCut: a line that comes in pieces is one, and JSON in pieces is JSON.
func TestCut(t *testing.T) {
	j := New()
	add(j, now, `{"msg":`, cut)
	add(j, now, `"x"`, cut)
	add(j, now, `}`)
	if got := j.Close(nil); len(got) != 1 || got[0].Text != "x" {
		t.Error(texts(got))
	}
	add(j, now, "{")
	add(j, now, `  "msg": "pretty"`)
	add(j, now, "}")
	if got := j.Close(nil); len(got) != 1 || got[0].Text != "pretty" {
		t.Error(texts(got))
	}
}

// TestBounds: what is longer than a record goes on in the next.
func TestBounds(t *testing.T) {
	j := New()
	var got []signal.Log
	got = append(got, add(j, now, "a")...)
	for range 2 * MaxLines {
		got = append(got, add(j, now, " b")...)
	}
	got = j.Close(got)
	count := 0
	for _, r := range got {
		n := strings.Count(r.Text, "\n") + 1
		count += n
		if n > MaxLines {
			t.Errorf("a record of %d lines", n)
		}
	}
	if count != 2*MaxLines+1 || strings.Count(got[0].Text, "\n") != MaxLines-1 {
		t.Errorf("%d lines in %d records", count, len(got))
	}
	big := strings.Repeat("x", MaxBytes/2)
	got = append(add(j, now, big, cut), add(j, now, big, cut)...)
	if got = j.Close(got); len(got) != 2 {
		t.Errorf("%d records", len(got))
	}
}

func TestLost(t *testing.T) {
	j := New()
	add(j, now, "a")
	got := add(j, now, "", func(l *Line) { l.Lost = 17 })
	if len(got) != 2 || show(&got[0]) != "|a" || show(&got[1]) != "warn|17 lines are missing here: they could not be kept|banyan.lost_lines=17" {
		t.Error(texts(got))
	}
}

// FuzzJoiner: no line is lost. Those that were read as JSON or logfmt are not looked for.
func FuzzJoiner(f *testing.F) {
	f.Add("panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1", uint64(0))
	f.Add("Traceback (most recent call last):\n  File\nE: x\n\nDuring handling of the above exception, another exception occurred:\n\nx", uint64(5))
	f.Add(`{"msg":"x","level":30}`+"\n"+`level=info msg="x\xff"`+"\n[ERROR] \x1b[1m", uint64(0xff00))
	f.Add("{\n \"a\": \"\\ud800\"\n}\n#1 x\n at y\n}", uint64(1<<40))
	f.Fuzz(func(t *testing.T, text string, bits uint64) {
		j := New()
		var out []signal.Log
		var want []string
		for i, line := range strings.Split(text, "\n") {
			bit := bits >> (uint(i) % 60)
			l := Line{Time: now + int64(bits%7)*int64(i)*int64(Quiet)/3, Resource: instance, Text: line, Stderr: bit&1 != 0, Cut: bit&6 == 6}
			clean := l
			clean.clean()
			want = append(want, clean.Text)
			out = j.Add(out, l)
			if bit&24 == 24 {
				out = j.Flush(out, l.Time)
			}
		}
		out = j.Close(out)
		if j.Waiting() != 0 {
			t.Fatal("something waits")
		}
		var all strings.Builder
		for i := range out {
			r := &out[i]
			if r.Resource != instance || r.Severity > 24 || r.Trace.IsZero() && !r.Span.IsZero() || strings.Count(r.Text, "\n") > len(text) {
				t.Fatalf("%+v", r)
			}
			all.WriteString(r.Text)
			for _, a := range r.Attrs {
				all.WriteString(a.Key + "=" + a.Value.String())
			}
		}
		for _, line := range want {
			if !strings.ContainsAny(line, `{"=}`) && !strings.ContainsAny(text, `{=`) && !strings.Contains(all.String(), line) {
				t.Fatalf("%q is in none of %q", line, all.String())
			}
		}
	})
}

func BenchmarkJoiner(b *testing.B) {
	for name, line := range map[string]string{
		"json":   `{"time":"2027-01-15T08:00:00.000000005Z","level":"INFO","msg":"order placed","order":"o-17","total":1299,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
		"logfmt": `time=2027-01-15T08:00:00.000Z level=INFO msg="order placed" order=o-17 total=1299`,
		"plain":  `2027-01-15 08:00:00,123 - INFO - order o-17 placed, 1299 in total`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			j := New()
			var out []signal.Log
			for b.Loop() {
				out = j.Add(out[:0], Line{Time: now, Resource: instance, Text: line})
			}
		})
	}
}
