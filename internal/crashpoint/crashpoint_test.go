package crashpoint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/banyanrun/banyan/internal/crashpoint"
)

// Under this variable the test's program passes each place three times and prints
// the name before it does.
const childVariable = "CRASHPOINT_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if err := crashpoint.Arm(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for range 3 {
		for _, p := range crashpoint.All() {
			fmt.Println(p)
			crashpoint.Pass(p)
		}
	}
	fmt.Printf("lives, %s=%s\n", crashpoint.Variable, os.Getenv(crashpoint.Variable))
}

// child runs until it ends or dies, and returns the last line that it printed.
func child(t *testing.T, arm string) (last string, lines int, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1", crashpoint.Variable+"="+arm)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSpace(string(out)), "\n")
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return all[len(all)-1], len(all), status.Signaled() && status.Signal() == syscall.SIGKILL
}

func TestDiesWhereAndWhenItIsTold(t *testing.T) {
	count := len(crashpoint.All())
	for _, p := range crashpoint.All() {
		if last, lines, killed := child(t, p.String()); !killed || last != p.String() || lines > count {
			t.Errorf("%s: killed %t at %s, after %d places", p, killed, last, lines)
		}
	}
	if last, lines, killed := child(t, "journal.synced:3"); !killed || last != "journal.synced" || lines <= 2*count {
		t.Errorf("killed %t at %s, after %d places", killed, last, lines)
	}
	if last, _, killed := child(t, ""); killed || last != "lives, BANYAN_CRASH=" {
		t.Errorf("killed %t: %s", killed, last)
	}
}

// The variable itself is for one process; it does not reach those that this one starts.
func TestIsNotInherited(t *testing.T) {
	if last, _, killed := child(t, "journal.synced:9"); killed || last != "lives, BANYAN_CRASH=" {
		t.Errorf("killed %t: %s", killed, last)
	}
}

// Each line of a file is for one process, in order, and stays until one has died of it.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crashes")
	if err := os.WriteFile(path, []byte("outbox.read:2\njournal.synced:9\ndead.moved\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if last, _, killed := child(t, path); !killed || last != "outbox.read" {
		t.Errorf("killed %t at %s", killed, last)
	}
	for range 2 {
		if last, _, killed := child(t, path); killed || last != "lives, BANYAN_CRASH="+path {
			t.Errorf("killed %t: %s", killed, last)
		}
	}
	if err := os.WriteFile(path, []byte("dead.moved\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if last, _, killed := child(t, path); !killed || last != "dead.moved" {
		t.Errorf("killed %t at %s", killed, last)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if last, _, killed := child(t, path); killed || !strings.HasPrefix(last, "lives") {
		t.Errorf("killed %t: %s", killed, last)
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"journal.sunk":     `there is no place "journal.sunk"; it is one of dedupe.checked, journal.encoded, `,
		"journal.synced:0": `"0" is no number of passes`,
		"journal.synced:x": `"x" is no number of passes`,
		t.TempDir():        "names a file that cannot be read",
	} {
		t.Setenv(crashpoint.Variable, text)
		if err := crashpoint.Arm(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A place that has a name is in the program, once or more.
func TestEachPlaceIsSomewhere(t *testing.T) {
	declared, err := os.ReadFile("points.go")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for line := range strings.Lines(string(declared)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(line, "\t") && name != "" && name[0] >= 'A' && name[0] <= 'Z' && !strings.HasSuffix(name, ":") {
			missing[name] = true
		}
	}
	if len(missing) != len(crashpoint.All()) {
		t.Fatalf("%d names for %d places", len(missing), len(crashpoint.All()))
	}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for name := range missing {
			if strings.Contains(string(text), "crashpoint.Pass(crashpoint."+name+")") {
				delete(missing, name)
			}
		}
		return err
	})
	if err != nil || len(missing) > 0 {
		t.Errorf("the process never comes to %v (%v)", missing, err)
	}
}

func BenchmarkPass(b *testing.B) {
	for b.Loop() {
		crashpoint.Pass(crashpoint.JournalSynced)
	}
}
