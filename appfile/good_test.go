package appfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestGood compares each file of testdata/good, loaded, with the JSON beside it.
func TestGood(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse("/srv/my shop/banyan.yaml", data, corpusOptions())
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Warnings) > 0 {
				t.Errorf("warnings: %v", Problems(f.Warnings))
			}
			got, err := json.MarshalIndent(f.App, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("%s differs; got:\n%s", golden, got)
			}
			roundTrip(t, f.App)
		})
	}
}

// roundTrip writes and reads an App: the result must be equal, valid, and
// have all its defaults.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, a *App) {
	t.Helper()
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	var back App
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatalf("unmarshal: %v\n%s", err, data)
	}
	if !reflect.DeepEqual(a, &back) {
		again, _ := json.Marshal(&back)
		t.Fatalf("the round trip changes it:\n%s\n%s", data, again)
	}
	back.ApplyDefaults("/nowhere")
	if !reflect.DeepEqual(a, &back) {
		again, _ := json.Marshal(&back)
		t.Fatalf("defaults are not complete:\n%s\n%s", data, again)
	}
	if err := back.Validate(); err != nil {
		t.Fatalf("it is not valid any more: %v", err)
	}
}
