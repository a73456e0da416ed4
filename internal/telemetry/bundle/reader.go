package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// visitor takes what a bundle holds, in its order. Nil: nobody asks.
type visitor struct {
	spans func([]signal.Span) error
	logs  func([]signal.Log) error
}

// read reads a bundle to its end. What is wrong with it is a fault with the place;
// the visitor has seen what stands before it then.
func read(from io.Reader, v visitor) (*contents, error) {
	r := &reader{visitor: v, tally: newTally(), next: map[string]int{tracesDir: 1, logsDir: 1}}
	err := r.read(from)
	if err != nil {
		return nil, err
	}
	return &contents{&r.manifest, &r.totals, r.tally.traces}, nil
}

// contents is what a bundle that is right says and holds.
type contents struct {
	manifest *Manifest
	totals   *Totals
	traces   map[signal.TraceID]struct{}
}

type reader struct {
	visitor

	manifest Manifest
	totals   Totals
	tally    *tally
	next     map[string]int // the number of a directory's next entry
	parts    int
	unpacked int64
	sums     []byte
	buffer   bytes.Buffer
}

func (r *reader) read(from io.Reader) error {
	packed := &io.LimitedReader{R: from, N: MostPacked + 1}
	zip, err := gzip.NewReader(packed)
	if err != nil {
		return fault.New(fault.Invalid, "it is no telemetry bundle: %w", broken(err)).Fix("take a file that `banyan telemetry export` wrote")
	}
	err = r.entries(tar.NewReader(zip))
	if packed.N == 0 {
		return tooLarge("file is larger than %d MiB", MostPacked>>20)
	}
	if err != nil {
		return err
	}
	// The checksum of gzip is checked at its end, behind the padding of tar.
	rest, err := io.Copy(io.Discard, io.LimitReader(zip, mostText))
	if err != nil {
		return malformed(sumsName, "what follows it cannot be read: %w", broken(err))
	}
	if rest == mostText {
		return malformed(sumsName, "more than padding follows it")
	}
	return nil
}

// entries reads all entries, in their order.
func (r *reader) entries(t *tar.Reader) error {
	if err := r.object(t, manifestName, &r.manifest); err != nil {
		return err
	}
	if err := r.manifest.check(); err != nil {
		return err
	}
	for {
		name, data, err := r.entry(t, mostPart)
		if err != nil {
			return err
		}
		if name == totalsName {
			if err := decode(name, data, &r.totals); err != nil {
				return err
			}
			break
		}
		if err := r.part(name, data); err != nil {
			return err
		}
	}
	if !r.totals.same(&r.tally.Totals) {
		return malformed(totalsName, "it says %d traces, %d spans and %d log records; there are %d, %d and %d",
			r.totals.Traces, r.totals.Spans, r.totals.Logs, r.tally.Traces, r.tally.Spans, r.tally.Logs)
	}
	want := r.sums
	name, data, err := r.entry(t, mostText)
	switch {
	case err != nil:
		return err
	case name != sumsName:
		return malformed(name, "it stands where %s should", sumsName)
	case !bytes.Equal(data, want):
		return malformed(sumsName, "the checksums are not those of the entries: %s", firstWrong(data, want))
	}
	if h, err := t.Next(); !errors.Is(err, io.EOF) {
		if err != nil {
			return malformed(sumsName, "what follows it cannot be read: %w", broken(err))
		}
		return malformed(h.Name, "it stands behind %s, which is the last", sumsName)
	}
	r.totals.From, r.totals.To = r.tally.From, r.tally.To
	return nil
}

// firstWrong names the first entry whose checksum is another one.
func firstWrong(have, want []byte) string {
	lines := bytes.Split(have, []byte("\n"))
	for i, line := range bytes.Split(want, []byte("\n")) {
		if i >= len(lines) || !bytes.Equal(line, lines[i]) {
			_, name, _ := strings.Cut(string(line), "  ")
			return name
		}
	}
	return "there are too many"
}

// part reads an entry of records.
func (r *reader) part(name string, data []byte) error {
	dir, _, _ := strings.Cut(name, "/")
	n := r.next[dir]
	if n == 0 || name != partName(dir, n) {
		return malformed(name, "it is not among the entries that come now: %s, %s and %s", partName(tracesDir, r.next[tracesDir]), partName(logsDir, r.next[logsDir]), totalsName)
	}
	r.next[dir]++
	if r.parts++; r.parts > mostParts {
		return tooLarge("bundle has more than %d entries", mostParts)
	}
	if dir == logsDir {
		logs, err := otlp.ReadLogs(data)
		if err != nil {
			return malformed(name, "%w", err)
		}
		r.tally.logs(logs)
		return visit(r.logs, logs)
	}
	spans, err := otlp.ReadSpans(data)
	if err != nil {
		return malformed(name, "%w", err)
	}
	if r.tally.spans(spans); len(r.tally.traces) > mostTraces {
		return tooLarge("bundle has more than %d traces", mostTraces)
	}
	return visit(r.spans, spans)
}

func visit[T any](do func([]T) error, records []T) error {
	if do == nil || len(records) == 0 {
		return nil
	}
	return do(records)
}

func (r *reader) object(t *tar.Reader, want string, to any) error {
	name, data, err := r.entry(t, mostText)
	if err != nil {
		return err
	}
	if name != want {
		return malformed(name, "it stands where %s should", want)
	}
	return decode(name, data, to)
}

func decode(name string, data []byte, to any) error {
	if err := json.Unmarshal(data, to); err != nil {
		return malformed(name, "it cannot be read: %w", err)
	}
	return nil
}

// entry reads the next entry, which is valid until the one after it.
func (r *reader) entry(t *tar.Reader, most int64) (name string, data []byte, err error) {
	h, err := t.Next()
	switch {
	case errors.Is(err, io.EOF):
		return "", nil, malformed("", "it ends before %s", sumsName)
	case err != nil:
		return "", nil, malformed("", "what follows %d bytes cannot be read: %w", r.unpacked, broken(err))
	case h.Typeflag != tar.TypeReg:
		return "", nil, malformed(h.Name, "it is no file")
	case h.Size > most:
		return "", nil, malformed(h.Name, "it is larger than %d MiB", most>>20)
	case r.unpacked+h.Size > MostUnpacked:
		return "", nil, tooLarge("bundle holds more than %d MiB", MostUnpacked>>20)
	}
	r.unpacked += h.Size
	r.buffer.Reset()
	if _, err := r.buffer.ReadFrom(t); err != nil {
		return "", nil, malformed(h.Name, "it cannot be read to its end: %w", broken(err))
	}
	sum := sha256.Sum256(r.buffer.Bytes())
	if h.Name != sumsName {
		r.sums = fmt.Appendf(r.sums, "%s  %s\n", hex.EncodeToString(sum[:]), h.Name)
	}
	return h.Name, r.buffer.Bytes(), nil
}

// broken says what gzip and tar mean in words of this format.
func broken(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the file is cut short")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the checksum of gzip is wrong")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("it is not packed by gzip")
	}
	return err
}

// malformed is what is wrong with an entry.
func malformed(entry, what string, args ...any) error {
	return fault.New(fault.Invalid, what, args...).At(entry).Fix("get the bundle again; nothing of it was imported")
}

func tooLarge(what string, args ...any) error {
	return fault.New(fault.Invalid, "the "+what, args...).Fix("export less: a filter, a shorter time or single traces")
}
