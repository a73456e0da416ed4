//go:build linux || darwin

package process_test

import (
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

// BenchmarkStart measures what the stand-in adds: compare with BenchmarkPlain.
// Its test binary is the helper, so the figure holds for a binary of its size
// and package initialisation.
func BenchmarkStart(b *testing.B) {
	d, err := newDriver()
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	var prepare, start time.Duration
	i := 0
	for b.Loop() {
		i++
		begin := time.Now()
		prep, err := d.Prepare(b.Context(), driver.Spec{ID: "bench" + strconv.Itoa(i), Argv: []string{"/bin/true"}, Dir: "/"})
		if err != nil {
			b.Fatal(err)
		}
		prepare += time.Since(begin)
		begin = time.Now()
		p, err := prep.Start(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		start += time.Since(begin)
		<-p.Done()
	}
	b.ReportMetric(float64(prepare.Microseconds())/float64(i), "µs/prepare")
	b.ReportMetric(float64(start.Microseconds())/float64(i), "µs/start")
}

func BenchmarkPlain(b *testing.B) {
	for b.Loop() {
		if err := exec.Command("/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
