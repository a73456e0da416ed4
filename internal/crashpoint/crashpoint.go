package crashpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/fault"
)

// Variable is what arms a process.
const Variable = "BANYAN_CRASH"

// What is armed; written by Arm alone.
var (
	armed  atomic.Uint32 // a Point; 0: nothing is
	passes atomic.Int64  // that are left, the last of which kills
	list   string        // the file whose first line this is; empty: none
)

// Pass tells that the process is at a place, and does not return if it is to die
// there. It may be called concurrently.
func Pass(p Point) {
	if armed.Load() == uint32(p) {
		pass()
	}
}

func pass() {
	if passes.Add(-1) != 0 {
		return
	}
	if list != "" {
		if _, rest, err := first(list); err != nil || replace(list, rest) != nil {
			os.Exit(3) // the line would kill each that comes after
		}
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill() // SIGKILL: nothing is flushed, nobody is told
	}
	select {} // the signal may take a moment
}

// Arm reads the variable, and takes it from what children inherit unless it names a
// file. It is called once, before anything can pass a place.
func Arm() error {
	text := os.Getenv(Variable)
	if filepath.IsAbs(text) {
		line, _, err := first(text)
		if err != nil {
			return fault.New(fault.Invalid, "%s names a file that cannot be read: %w", Variable, err)
		}
		list, text = text, line
	} else if err := os.Unsetenv(Variable); err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	point, count, err := parse(text)
	if err != nil {
		return err
	}
	passes.Store(count)
	armed.Store(uint32(point))
	return nil
}

func parse(text string) (Point, int64, error) {
	name, number, counted := strings.Cut(text, ":")
	count := int64(1)
	if counted {
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil || n < 1 {
			return none, 0, fault.New(fault.Invalid, "%s: %.40q is no number of passes", Variable, number).Fix("write 1 or more")
		}
		count = n
	}
	for _, p := range All() {
		if p.String() == name {
			return p, count, nil
		}
	}
	var known []string
	for _, p := range All() {
		known = append(known, p.String())
	}
	return none, 0, fault.New(fault.Invalid, "%s: there is no place %.40q", Variable, name).Fix("it is one of %s", strings.Join(known, ", "))
}

// first returns the first line of a file, and what comes after it. A file that is
// not there is empty.
func first(path string) (line, rest string, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	line, rest, _ = strings.Cut(string(data), "\n")
	return strings.TrimSpace(line), rest, err
}

// replace changes a file as a whole, or removes it when nothing is left in it.
func replace(path, text string) error {
	if strings.TrimSpace(text) == "" {
		return os.Remove(path)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
