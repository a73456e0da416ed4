package store

import (
	"errors"
	"path/filepath"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Store keeps spans and logs. Make it by Open.
type Store struct {
	spans, logs *shelf
}

// Open opens a directory, or makes it. What is damaged there is no error: see Status.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	ofSpans, ofLogs := Bounds{o.Limit, o.MaxAge, o.SamplePercent}.of(&o)
	spans, err := openShelf(o, block.Spans, filepath.Join(o.Dir, "spans"), ofSpans)
	if err != nil {
		return nil, err
	}
	logs, err := openShelf(o, block.Logs, filepath.Join(o.Dir, "logs"), ofLogs)
	if err != nil {
		return nil, errors.Join(err, spans.close())
	}
	return &Store{spans, logs}, nil
}

// Close ends all writing. What was appended is on the disk.
func (s *Store) Close() error { return errors.Join(s.spans.close(), s.logs.close()) }

// AppendSpans takes spans in. They are found at once, and outlast this program's
// end. An error: some or all of them were dropped, and are counted by Status.
func (s *Store) AppendSpans(spans []signal.Span) error {
	return eachPart(spans, func(part []signal.Span) error {
		return s.spans.append(len(part), func(e *block.RowEncoder, b []byte) []byte { return e.Spans(b, part) },
			func(b *block.Builder) {
				for i := range part {
					b.AddSpan(&part[i])
				}
			})
	})
}

// AppendLogs is AppendSpans for log records.
func (s *Store) AppendLogs(logs []signal.Log) error {
	return eachPart(logs, func(part []signal.Log) error {
		return s.logs.append(len(part), encodeLogs(part), addLogs(part))
	})
}

// TryLogs is AppendLogs for who tries again: it returns how many of the first were
// taken in, and the others do not count as dropped.
func (s *Store) TryLogs(logs []signal.Log) (taken int, err error) {
	for n := partMost; taken < len(logs); {
		n = min(n, len(logs)-taken)
		part := logs[taken : taken+n]
		err := s.logs.try(n, encodeLogs(part), addLogs(part))
		if errors.Is(err, errTooLarge) {
			n = (n + 1) / 2
			continue
		}
		if err != nil {
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

func encodeLogs(logs []signal.Log) func(*block.RowEncoder, []byte) []byte {
	return func(e *block.RowEncoder, b []byte) []byte { return e.Logs(b, logs) }
}

func addLogs(logs []signal.Log) func(*block.Builder) {
	return func(b *block.Builder) {
		for i := range logs {
			b.AddLog(&logs[i])
		}
	}
}

// partMost is how many records are one frame of the write-ahead log at most.
const partMost = 1024

func eachPart[T any](records []T, do func([]T) error) (err error) {
	for len(records) > 0 {
		n := min(len(records), partMost)
		failed := do(records[:n])
		if errors.Is(failed, errTooLarge) {
			failed = errors.Join(eachPart(records[:n/2], do), eachPart(records[n/2:n], do))
		}
		if err == nil {
			err = failed
		}
		records = records[n:]
	}
	return err
}

func (s *Store) shelf(k Kind) (*shelf, error) {
	switch k {
	case Spans:
		return s.spans, nil
	case Logs:
		return s.logs, nil
	}
	return nil, fault.New(fault.Invalid, "there is no kind %d of telemetry", k)
}
