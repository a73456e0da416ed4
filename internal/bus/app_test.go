package bus

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
)

func TestSpecOf(t *testing.T) {
	schema := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(schema, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	minutes := func(n int) *appfile.Duration { return new(appfile.Duration(time.Duration(n) * time.Minute)) }
	app := &model.App{
		Bus: &appfile.Bus{MaxBytes: 99},
		Topics: map[string]*appfile.Topic{
			"a": {
				Key: new("id"), Schema: schema, Compatibility: "none", DedupWindow: minutes(1), MaxEvent: 5,
				Retention: &appfile.Retention{Time: *minutes(2), Size: 7, Full: "drop_oldest"},
			},
			"dead": {Compatibility: "backward"},
		},
		Services: map[string]*model.Service{
			"s": {ConfigHash: "h", BuildKey: "b", Restarts: 1, Spec: &appfile.Service{
				Publishes: []string{"a"},
				Subscribes: map[string]*appfile.Subscription{"a": {
					Path: "/p", From: "all", Concurrency: 3, Timeout: *minutes(3), MaxAttempts: new(4),
					Backoff: &appfile.Backoff{First: *minutes(5), Most: *minutes(6)}, Content: "structured", DeadLetter: "dead",
				}},
			}},
			"absent": {LeftOut: "no room", Spec: &appfile.Service{Subscribes: map[string]*appfile.Subscription{"a": {}}}},
			"job":    {Job: &model.Job{}, Spec: &appfile.Service{Publishes: []string{"a"}}},
		},
	}
	schemas, err := ReadSchemas(app)
	if err != nil {
		t.Fatal(err)
	}
	want := Spec{
		MaxBytes: 99,
		Topics: map[string]Topic{
			"a":    {Key: "id", Schema: []byte(`{}`), AnyChange: true, Dedup: time.Minute, MaxAge: 2 * time.Minute, MaxBytes: 7, DropOldest: true, MaxEvent: 5},
			"dead": {},
		},
		Subscriptions: []Subscription{{
			Topic: "a", Service: "s", Path: "/p", From: "all", Concurrency: 3, Timeout: 3 * time.Minute, MaxAttempts: 4,
			First: 5 * time.Minute, Most: 6 * time.Minute, Structured: true, DeadLetter: "dead", Revision: "h/b/1",
		}},
		Publishes: map[string][]string{"s": {"a"}, "job": {"a"}, "absent": nil},
	}
	if got := SpecOf(app, schemas); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	app.Topics["a"].Schema = "/nowhere"
	if _, err := ReadSchemas(app); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
