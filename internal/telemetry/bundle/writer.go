package bundle

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// partRecords is how many records an entry holds at most.
const partRecords = 1000

// errFull is why a writer takes no more.
var errFull = errors.New("the bundle is full")

// writer writes a bundle. It writes nothing before the first entry is complete.
type writer struct {
	manifest *Manifest
	made     time.Time
	out      counter
	zip      *gzip.Writer
	tar      *tar.Writer
	tally    *tally
	unpacked int64
	parts    map[string]int // by directory
	sums     []byte
	spans    []signal.Span
	logs     []signal.Log
}

// counter counts what goes through it.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

func newWriter(to io.Writer, m *Manifest) *writer {
	w := &writer{manifest: m, made: m.Made, tally: newTally(), parts: map[string]int{}, out: counter{to: to}}
	w.zip = gzip.NewWriter(&w.out)
	w.tar = tar.NewWriter(w.zip)
	return w
}

// addSpans adds spans: all of them, or none and errFull.
func (w *writer) addSpans(spans []signal.Span) error {
	if w.full() || len(w.tally.traces) >= mostTraces {
		return errFull
	}
	w.tally.spans(spans)
	for part := range slices.Chunk(spans, partRecords) {
		w.spans = append(w.spans, part...)
		if err := w.flushSpans(partRecords); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) addLogs(logs []signal.Log) error {
	if w.full() {
		return errFull
	}
	w.tally.logs(logs)
	for part := range slices.Chunk(logs, partRecords) {
		w.logs = append(w.logs, part...)
		if err := w.flushLogs(partRecords); err != nil {
			return err
		}
	}
	return nil
}

// full reports whether another addition might lead beyond the bounds: what one adds
// at most (a trace's spans) and what stands at the end must have room.
func (w *writer) full() bool {
	const reserve = 64 << 20
	return w.unpacked > MostUnpacked-2*reserve || w.out.n > MostPacked-reserve || w.parts[tracesDir]+w.parts[logsDir] > mostParts-200
}

func (w *writer) flushSpans(from int) (err error) {
	if len(w.spans) > 0 && len(w.spans) >= from {
		err = writePart(w, tracesDir, w.spans, otlp.WriteSpans)
		w.spans = w.spans[:0]
	}
	return err
}

func (w *writer) flushLogs(from int) (err error) {
	if len(w.logs) > 0 && len(w.logs) >= from {
		err = writePart(w, logsDir, w.logs, otlp.WriteLogs)
		w.logs = w.logs[:0]
	}
	return err
}

// writePart writes records as an entry, or as several if they are large.
func writePart[T any](w *writer, dir string, records []T, write func([]T) ([]byte, error)) error {
	data, err := write(records)
	if err != nil {
		return err
	}
	if len(data) > mostPart/4 && len(records) > 1 {
		half := len(records) / 2
		return errors.Join(writePart(w, dir, records[:half], write), writePart(w, dir, records[half:], write))
	}
	if len(data) > mostPart {
		w.left("a record that is larger than %d MiB", mostPart>>20)
		return nil
	}
	if w.unpacked == 0 {
		if err := w.object(manifestName, w.manifest); err != nil {
			return err
		}
	}
	w.parts[dir]++
	return w.entry(partName(dir, w.parts[dir]), data)
}

// left notes, once, what is not in the bundle.
func (w *writer) left(what string, args ...any) {
	if text := fmt.Sprintf(what, args...); !slices.Contains(w.tally.Left, text) {
		w.tally.Left = append(w.tally.Left, text)
	}
}

func (w *writer) object(name string, of any) error {
	data, err := json.MarshalIndent(of, "", "  ")
	if err != nil {
		return err
	}
	return w.entry(name, append(data, '\n'))
}

func (w *writer) entry(name string, data []byte) error {
	err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: w.made, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	if _, err := w.tar.Write(data); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	w.sums = fmt.Appendf(w.sums, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	w.unpacked += int64(len(data))
	return nil
}

// close ends the bundle.
func (w *writer) close() error {
	if err := errors.Join(w.flushSpans(0), w.flushLogs(0)); err != nil {
		return err
	}
	if err := w.object(totalsName, &w.tally.Totals); err != nil {
		return err
	}
	if err := w.entry(sumsName, w.sums); err != nil {
		return err
	}
	return errors.Join(w.tar.Close(), w.zip.Close())
}
