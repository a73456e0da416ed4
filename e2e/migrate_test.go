package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// A migration needs no server: it works on the service's data, as the service would,
// once for each revision; and one that fails is run again by the next up.
func TestMigration(t *testing.T) {
	a := newApp(t, `
name: migration
gateway: {listen: ":${port}", routes: [{path: /, to: order}]}
services:
	order:
		command: ${testapp}
		environment: {VERSION: "1"}
		database: {migrate: [sh, -c, "echo $VERSION >>$DATABASE_PATH && test ! -e $DATA_DIR/trouble && touch $DATA_DIR/mine"]}
`)
	file := filepath.Join(a.layout.Data, "order", "order.db")
	ran := func(want string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if got := strings.Join(strings.Fields(string(text)), " "); err != nil || got != want {
			t.Errorf("migrated were %q, want %q (%v)", got, want, err)
		}
	}
	a.up()
	a.up()
	a.must("scale", "order", "2")
	ran("1")

	trouble := filepath.Join(a.layout.Data, "order", "trouble")
	if err := os.WriteFile(trouble, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.edit(`VERSION: "1"`, `VERSION: "2"`)
	if r := a.banyan("up", "-d"); r.code != 1 || !strings.Contains(r.err, "order.migrate: failed: exit code 1") {
		t.Errorf("want exit code 1: %s", r)
	}
	says(t, a.url("/env?name=VERSION"), "1")
	if err := os.Remove(trouble); err != nil {
		t.Fatal(err)
	}
	a.up()
	ran("1 2 2")
	says(t, a.url("/env?name=VERSION"), "2")
	if s := service(a.ps(), "order.migrate"); s.GetState() != banyanv1.State_STATE_COMPLETED || !s.GetJob() {
		t.Errorf("the migration is %v", s)
	}
}
