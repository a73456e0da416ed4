package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repairFile is an app in which a person publishes.
const repairFile = `
name: repair
services:
	mail:
		command: ${testapp}
		readiness: {http: /healthz}
		environment: {LEDGER: "=ledger="}
		publishes: [order.placed, other]
		subscribes: {order.placed: /take}
`

// What of a topic is damaged on the disk while the app is down is given up by a
// person; the topic goes on, alone it begins anew, and others are as they were.
func TestRepairATopic(t *testing.T) {
	a := newApp(t, strings.ReplaceAll(repairFile, "=ledger=", newDir(t)))
	a.up()
	a.must("events", "pause", "order.placed", "mail")
	for _, name := range []string{"first", "second", "third"} {
		a.must("events", "publish", "order.placed", "--data", `{"name": "`+name+`"}`)
		a.must("events", "publish", "other", "--data", `{"name": "`+name+`"}`)
	}
	a.must("down")
	segments, err := filepath.Glob(filepath.Join(a.dir, ".banyan", "bus", "order.placed", "00000001.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], bytes.Replace(data, []byte("second"), []byte("SECOND"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	a.up()
	tells(t, a.must("events", "repair", "order.placed"), "1 event of topic order.placed, sequence 2: it is lost", "service mail had not had 1 of them")
	tells(t, a.must("events", "repair", "order.placed", "--skip", "1"), "it was given up")
	tells(t, a.must("events", "tail", "order.placed"), "first", "third")
	tells(t, a.must("events", "publish", "order.placed", "--data", "4"), "sequence 4")

	a.refuses("is not damaged", "events", "repair", "order.placed", "--begin-anew", "--yes")
	a.must("down")
	if err := os.RemoveAll(filepath.Dir(segments[0])); err != nil {
		t.Fatal(err)
	}
	a.up()
	a.refuses("is damaged", "events", "publish", "order.placed", "--data", "5")
	tells(t, a.must("events", "repair", "order.placed", "--begin-anew", "--yes"), "were given up", "order.placed~")
	tells(t, a.must("events", "publish", "order.placed", "--data", "5"), "sequence 5")
	tells(t, a.must("events", "publish", "other", "--data", "4"), "sequence 4")
}

// refuses runs a command that fails and says why.
func (a *app) refuses(why string, args ...string) {
	a.t.Helper()
	if r := a.banyan(args...); r.code == 0 || !strings.Contains(r.err, why) {
		a.t.Errorf("banyan %q: %s", args, r)
	}
}

func tells(t *testing.T, r result, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.out, text) {
			t.Errorf("%q is not in %s", text, r)
		}
	}
}
