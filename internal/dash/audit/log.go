package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Action is something that somebody did, or was refused.
type Action struct {
	N         int64     `json:"n"`
	Time      time.Time `json:"time"`
	Who       string    `json:"who"`
	Role      string    `json:"role,omitempty"`
	From      string    `json:"from,omitempty"` // an address; empty: the control socket
	Procedure string    `json:"procedure"`      // ControlService/Restart
	What      string    `json:"what,omitempty"` // what it was done to
	// Result is ok, refused, or an error's code and message. Empty: it goes on, or
	// the daemon ended before it did.
	Result string        `json:"result,omitempty"`
	Took   time.Duration `json:"took,omitempty"`
}

// most is how long a file becomes, in bytes, before another one is begun.
const most = 2 << 20

// Log is the file of an app's actions. It is safe for concurrent use.
type Log struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	file *os.File
	size int64
	last int64 // n
}

// Open opens the log in the file at path, made if it is missing.
func Open(path string, now func() time.Time) (*Log, error) {
	l := &Log{path: path, now: now}
	for _, name := range l.files() {
		err := read(name, func(a Action) { l.last = max(l.last, a.N) })
		if err != nil {
			return nil, err
		}
	}
	return l, l.open()
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("log of actions: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	// A line that a crash tore must not spoil the next one.
	last := []byte{'\n'}
	if l.size > 0 {
		if _, err := f.ReadAt(last, l.size-1); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if last[0] != '\n' {
		_, err = f.WriteString("\n")
		l.size++
	}
	return err
}

// files are the names of the log's files, the older one first.
func (l *Log) files() []string { return []string{l.path + ".1", l.path} }

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Begin records an action that is about to be carried out, and returns how to
// record its result. An error means that it is not recorded.
func (l *Log) Begin(a Action) (end func(result string) error, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	a.N, a.Time = l.last, l.now()
	return func(result string) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		a.Result, a.Took = result, l.now().Sub(a.Time)
		return l.write(a)
	}, l.write(a)
}

// Add records an action that is over.
func (l *Log) Add(a Action) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	a.N, a.Time = l.last, l.now()
	return l.write(a)
}

// mostText bounds what one action writes.
const mostText = 500

func (l *Log) write(a Action) error {
	a.Who, a.What, a.Result = cut(a.Who), cut(a.What), cut(a.Result)
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if l.size > most {
		if err := l.turn(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(append(line, '\n'))
	if err != nil && l.file.Truncate(l.size) == nil {
		return err // the half of it that was written is gone
	}
	l.size += int64(n)
	return err
}

// turn begins another file; the one before the last goes.
func (l *Log) turn() error {
	// Where opening failed before, it is tried again, and there is nothing to rename.
	if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return l.open()
}

// cut makes a text fit for a line of the record: what steers a terminal could hide
// other lines from who reads it there.
func cut(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= mostText {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:mostText]), nil)) + "…"
}

// List returns at most limit actions with an n below before, 0 for any, the
// newest first, and whether there are more.
func (l *Log) List(limit int, before int64) (actions []Action, more bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := map[int64]Action{}
	for _, name := range l.files() {
		err := read(name, func(a Action) {
			if before == 0 || a.N < before {
				known[a.N] = a // the later line has the result
			}
		})
		if err != nil {
			return nil, false, err
		}
	}
	for _, a := range known {
		actions = append(actions, a)
	}
	slices.SortFunc(actions, func(a, b Action) int { return int(b.N - a.N) })
	if len(actions) > limit {
		return actions[:limit], true, nil
	}
	return actions, false, nil
}

// read calls each with every action of a file, which may be missing.
func read(path string, each func(Action)) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("log of actions: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 64<<10)
	for long := false; ; {
		line, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("log of actions: %w", err)
		}
		var a Action
		if !long && !more && json.Unmarshal(line, &a) == nil && a.N > 0 {
			each(a)
		}
		long = more
	}
}
