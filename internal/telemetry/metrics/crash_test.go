package metrics

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashDir names the directory in which a child of the test appends until it is killed.
const crashDir = "BANYAN_TEST_METRICS_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		appendForever(dir)
	}
	os.Exit(m.Run())
}

// appendForever appends and says how far it is.
func appendForever(dir string) {
	s, err := Open(Options{Dir: dir, Now: func() time.Time { return start.Add(24 * time.Hour) }})
	if err != nil {
		panic(err)
	}
	st := s.Status()
	first := int64(0)
	if st.Newest > 0 {
		first = (st.Newest-start.UnixMilli())/1000 + 1
	}
	for i := first; ; i++ {
		var batch []Sample
		for k := range 20 {
			batch = append(batch, at(i, float64(i), "n", "series", strconv.Itoa(k)))
		}
		if err := s.Append(context.Background(), batch); err != nil {
			panic(err)
		}
		fmt.Println(i)
	}
}

// What Append returned for is there after kill -9.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := int64(-1)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if last, err = strconv.ParseInt(strings.TrimSpace(lines.Text()), 10, 64); err != nil {
				t.Fatalf("the child said %q", lines.Text())
			}
			if n == 200 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		s, err := Open(Options{Dir: dir, Now: func() time.Time { return start.Add(24 * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Query(t.Context(), "count(count_over_time(n[2h]) >= "+strconv.FormatInt(last+1, 10)+")", start.Add(time.Duration(last)*time.Second))
		if err != nil || len(r.Series) != 1 || r.Series[0].Points[0].Value != 20 {
			t.Errorf("after %d: %s, %v", last, show(r), err)
		}
		if d := s.Status().Damage; len(d) > 0 {
			t.Errorf("a killed process leaves no damage: %q", d)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
