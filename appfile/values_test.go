package appfile

import (
	"encoding/json"
	"math"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

func TestDurationText(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "2s": 2 * time.Second, "1m30s": 90 * time.Second, "24h": 24 * time.Hour,
		"0s": 0, "10m": 10 * time.Minute, "1h0m5s": time.Hour + 5*time.Second, "1h30m": 90 * time.Minute,
		"2d": 48 * time.Hour, "7d": 168 * time.Hour, "49h": 49 * time.Hour, "106751d": 106751 * 24 * time.Hour,
	} {
		d, err := ParseDuration(text)
		if err != nil || time.Duration(d) != want || d.String() != text {
			t.Errorf("%s: %v, %v, written as %s", text, time.Duration(d), err, d)
		}
	}
}

func TestDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "0d": 0, "2d1h1m1s1ms": 49*time.Hour + time.Minute + 1001*time.Millisecond,
	} {
		if d, err := ParseDuration(text); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(d), err)
		}
	}
	for _, text := range []string{"1h1d", "1d2d", "-1d", "1d-1h", "1d+1h", "d", "1D", "1 d", "106752d", "106751d24h", "1d1"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken as %v", text, d)
		}
	}
}

func TestBytesText(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "512": 512, "64Ki": 64 << 10, "128Mi": 128 << 20, "1Gi": 1 << 30, "10k": 10_000, "5M": 5_000_000, "1G": 1_000_000_000,
		"1.5Gi": 3 << 29, "9223372036854775807": math.MaxInt64,
	} {
		if b, err := ParseBytes(text); err != nil || b != want {
			t.Errorf("%s: %d, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "-1", "1KB", "128m", "9223372036854775808", "8388608Ti", "Mi", "1 Mi", "1e3"} {
		if b, err := ParseBytes(text); err == nil {
			t.Errorf("%q is taken as %d", text, b)
		}
	}
}

func TestTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Min(0).Draw(t, "d"))
		if back, err := ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%s: %v, %v", d, back, err)
		}
		b := Bytes(rapid.Int64Min(0).Draw(t, "b"))
		if back, err := ParseBytes(b.String()); err != nil || back != b {
			t.Fatalf("%s: %d, %v", b, back, err)
		}
	})
}

// TestSplitLikeAShell compares with sh, for commands that need no shell.
func TestSplitLikeAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	for _, in := range []string{
		`a b  c`, `a 'b c' d`, `a "b c" d`, `a b\ c`, `a "b\"c"`, `a 'b"c'`, `a "" b`, `a ''`, `a b'c d'e"f g"h`, `a "\x\\y"`, "a \\\n b", "a 'b\nc'", `a -x=1,2 --y=@z %w`, `a "it's"`, `a \\`, `a 'x'\''y'`, "a\tb", `a "b\
c"`, `./x b=c "d=e" f#g`, `a é 'ü ö'`, `a ^ ! + , . / : = @ _ -`,
	} {
		words, problems := splitCommand(in)
		if len(problems) > 0 {
			t.Errorf("%q: %+v", in, problems)
			continue
		}
		var got []string
		for _, w := range words {
			got = append(got, w.text)
		}
		out, err := exec.Command(sh, "-c", `printf '%s\0' `+in).Output()
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if want := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestSplitKeepsReferencesWhole(t *testing.T) {
	words, problems := splitCommand(`${out}/a "${env.X:-b c}" ${env.Y:-d e}f '$HOME' \${x} "\${y}" $$z`)
	var got []string
	for _, w := range words {
		got = append(got, w.text)
	}
	want := []string{"${out}/a", "${env.X:-b c}", "${env.Y:-d e}f", "$HOME", "$${x}", "$${y}", "$$z"}
	if len(problems) > 0 || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, problems)
	}
}

// TestShortForms: JSON and YAML read every form.
func TestShortForms(t *testing.T) {
	for _, c := range []struct{ short, full string }{
		{`{"command": "go run ./a 'b c'"}`, `{"command": ["go", "run", "./a", "b c"]}`},
		{`{"environment": ["A=1", "B=x=y"]}`, `{"environment": {"A": 1, "B": "x=y"}}`},
		{`{"env_file": ".env"}`, `{"env_file": [".env"]}`},
		{`{"calls": ["a", "b"]}`, `{"calls": {"a": {}, "b": {}}}`},
		{`{"depends_on": ["a"]}`, `{"depends_on": {"a": {}}}`},
		{`{"secrets": ["db-password"]}`, `{"secrets": {"DB_PASSWORD": "db-password"}}`},
		{`{"volumes": ["a:A_DIR"]}`, `{"volumes": [{"name": "a", "env": "A_DIR"}]}`},
		{`{"concurrency": 100}`, `{"concurrency": {"max": 100}}`},
		{`{"calls": {"a": {"balance": "round_robin"}}}`, `{"calls": {"a": {"balance": {"by": "round_robin"}}}}`},
		{`{"calls": {"a": {"cache": true}}}`, `{"calls": {"a": {"cache": {}}}}`},
		{`{"subscribes": {"a": "/a"}}`, `{"subscribes": {"a": {"path": "/a"}}}`},
		{`{"update": "recreate"}`, `{"update": {"strategy": "recreate"}}`},
	} {
		var want, viaJSON, viaYAML Service
		for into, text := range map[*Service]string{&want: c.full, &viaJSON: c.short} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		if err := yaml.Unmarshal([]byte(c.short), &viaYAML); err != nil {
			t.Fatalf("%s: %v", c.short, err)
		}
		if !reflect.DeepEqual(want, viaJSON) || !reflect.DeepEqual(want, viaYAML) {
			t.Errorf("%s: %+v and %+v, want %+v", c.short, viaJSON, viaYAML, want)
		}
	}
	for _, bad := range []string{`{"command": "a && b"}`, `{"environment": ["A"]}`, `{"calls": "a"}`, `{"volumes": ["a"]}`, `{"update": []}`, `{"concurrency": "many"}`, `{"calls": {"a": {"balance": []}}}`, `{"calls": {"a": {"cache": false}}}`, `{"calls": {"a": {"nope": 1}}}`} {
		if err := json.Unmarshal([]byte(bad), new(Service)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestYAMLRoundTrip(t *testing.T) {
	f, err := Parse("banyan.yaml", []byte("name: a\nservices:\n  web:\n    command: ./web ${port}\n    start_timeout: 90s\n    resources: {memory: 64Mi}\n    concurrency: 5\n    calls: {api: {try_timeout: 1s, balance: round_robin, cache: true}}\n  api: {command: ./api}\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.Marshal(f.App)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("banyan.yaml", data, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if !reflect.DeepEqual(f.App, again.App) {
		t.Errorf("the round trip changes it:\n%s", data)
	}
}

func TestRequirement(t *testing.T) {
	for in, want := range map[string]Requirement{
		"node": {"node", ""}, "node>=20": {"node", "20"}, "python3 >= 3.9": {"python3", "3.9"}, "g++>=v12.1": {"g++", "12.1"},
	} {
		if got, err := ParseRequirement(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

func TestSchedule(t *testing.T) {
	at := time.Date(2026, 1, 1, 10, 0, 30, 0, time.UTC)
	for in, want := range map[string]time.Duration{"*/5 * * * *": 4*time.Minute + 30*time.Second, "@every 10m": 10 * time.Minute, "@hourly": 59*time.Minute + 30*time.Second} {
		s, err := ParseSchedule(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(at).Sub(at); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
