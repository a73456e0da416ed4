package journal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// child, if set, is the directory in which this program publishes until it is killed.
const child = "BANYAN_JOURNAL_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		publishForever(dir)
	}
	os.Exit(m.Run())
}

func openDir(dir string) (*Journal, error) {
	j := New(Config{Dir: dir, SegmentFirst: 8 << 10, SegmentMost: 32 << 10})
	return j, ensure(j)
}

// publishForever tells each number once it is stored. Numbers that are stored
// already are published again, as a publisher does that got no answer.
func publishForever(dir string) {
	j, err := openDir(dir)
	if err != nil {
		panic(err)
	}
	s, err := j.Stat(context.Background(), testTopic)
	if err != nil {
		panic(err)
	}
	first := max(1, int(s.Partitions[0].End.Offset)-5)
	for n := first; ; n++ {
		placed, err := j.Publish(context.Background(), testTopic, []engine.Record{event(n % 200), numbered(n)})
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stdout, n, placed[1].Offset)
	}
}

func numbered(n int) engine.Record {
	return engine.Record{ID: engine.IDOf("/kill", strconv.Itoa(n)), Time: time.Now(), Dedup: time.Hour, Data: fmt.Append(nil, n)}
}

// A program that is killed while it publishes, again and again, loses nothing
// that it told, and stores nothing twice.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	told := map[int]uint64{} // number to offset
	for round := range 8 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), child+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(out)
		for range 20 + 37*round {
			tell(t, reader, told)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for tell(t, reader, told) {
			continue // what it told until it was dead counts
		}
		_ = cmd.Wait() // it was killed
		checkTold(t, dir, told)
	}
}

// tell reads one line; false at the end.
func tell(t *testing.T, from *bufio.Reader, told map[int]uint64) bool {
	t.Helper()
	line, err := from.ReadString('\n')
	if err == io.EOF {
		return false
	}
	var n int
	var offset uint64
	if _, scanErr := fmt.Sscan(line, &n, &offset); err != nil || scanErr != nil {
		t.Fatal(line, err, scanErr)
	}
	if was, ok := told[n]; ok && was != offset {
		t.Fatalf("number %d was told at %d and at %d", n, was, offset)
	}
	told[n] = offset
	return true
}

func checkTold(t *testing.T, dir string, told map[int]uint64) {
	t.Helper()
	j, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	at := map[string]uint64{}
	for from := (engine.Position{}); ; {
		got, err := j.Read(t.Context(), testTopic, from, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, s := range got {
			if at[string(s.Data)] != 0 {
				t.Fatalf("%q is stored at %d and at %d", s.Data, at[string(s.Data)], s.Offset)
			}
			at[string(s.Data)], from = s.Offset, s.Position
		}
	}
	for n, offset := range told {
		if at[strconv.Itoa(n)] != offset {
			t.Fatalf("number %d was told at %d and is at %d", n, offset, at[strconv.Itoa(n)])
		}
	}
}
