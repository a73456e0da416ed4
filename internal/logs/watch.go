package logs

import (
	"os"
	"regexp"
	"slices"
)

// watch is somebody who waits for a line.
type watch struct {
	re   *regexp.Regexp
	done chan struct{}
}

// Watch returns a channel that is closed when a line of the instance matches,
// also one that it wrote before, in this life of it. It matches what is stored:
// redacted lines. The instance must be open; the channel of one that is not, or
// that ends without a match, is never closed.
func (c *Collector) Watch(name string, re *regexp.Regexp) <-chan struct{} {
	w := &watch{re: re, done: make(chan struct{})}
	in := c.instance(name)
	if in == nil {
		return w.done
	}
	in.store.mu.Lock()
	defer in.store.mu.Unlock()
	if in.hadLine(re) {
		close(w.done)
		return w.done
	}
	in.watches = append(in.watches, w)
	return w.done
}

// fire tells a watch that its line came. The caller holds the store's mu.
func (in *instance) fire(w *watch) {
	if i := slices.Index(in.watches, w); i >= 0 {
		in.watches = slices.Delete(in.watches, i, i+1)
		close(w.done)
	}
}

// hadLine looks through the instance's lines since it began. The caller holds
// the store's mu.
func (in *instance) hadLine(re *regexp.Regexp) bool {
	found := false
	for _, seq := range segments(in.store.dir) {
		f, err := os.Open(segmentPath(in.store.dir, seq))
		if err != nil {
			continue
		}
		for l := newLineReader(f, 0, 1<<62); ; {
			line, _, whole := l.next()
			if !whole {
				break
			}
			e, ok := decode(line)
			switch {
			case !ok:
			case e.End == in.name:
				found = false // an earlier life
			case e.isRecord() && e.Instance == in.name && !found:
				found = re.MatchString(e.Line)
			}
		}
		_ = f.Close()
	}
	return found
}
