package logs

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pace is the least time between two rounds, so that a service that writes
	// line by line is read in batches. Events that come meanwhile are merged by
	// the kernel.
	pace = 5 * time.Millisecond
	// retry is when storing is tried again after an error.
	retry = time.Second
)

// run drains what changed, until Close.
func (c *Collector) run() {
	defer close(c.stopped)
	defer c.watcher.Close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(c.untilNext())
		select {
		case <-c.stop:
			return
		case ev, ok := <-c.watcher.Events:
			if !ok {
				return
			}
			c.note(ev)
		case err := <-c.watcher.Errors: // the queue of events ran over, for one
			c.log.Debug("watching spools", "err", err)
			c.noteAll()
		case <-c.kick:
		case <-timer.C:
		}
		c.gather()
		if !c.round() {
			continue
		}
		select {
		case <-c.stop:
			return
		case <-time.After(pace):
		}
	}
}

// gather takes the events that are there already.
func (c *Collector) gather() {
	for {
		select {
		case ev, ok := <-c.watcher.Events:
			if !ok {
				return
			}
			c.note(ev)
		default:
			return
		}
	}
}

func (c *Collector) note(ev fsnotify.Event) {
	if !ev.Has(fsnotify.Write) && !ev.Has(fsnotify.Create) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.byPath[ev.Name]; s != nil {
		c.dirty[s] = true
	}
}

func (c *Collector) noteAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.byPath {
		c.dirty[s] = true
	}
}

// untilNext is how long nothing is due.
func (c *Collector) untilNext() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.dirty) > 0 {
		return 0
	}
	d := time.Hour
	for _, at := range c.waiting {
		d = min(d, time.Until(at))
	}
	return max(0, d)
}

// due takes the streams to look at now; the value says that a line without end
// has been quiet long enough.
func (c *Collector) due() map[*stream]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := make(map[*stream]bool, len(c.dirty))
	now := time.Now()
	for s, at := range c.waiting {
		if !at.After(now) {
			due[s] = true
			delete(c.waiting, s)
		}
	}
	for s := range c.dirty {
		due[s] = false
	}
	clear(c.dirty)
	return due
}

// round drains all that is due and tells whether there was anything.
func (c *Collector) round() bool {
	due := c.due()
	stored := false
	for s, flush := range due {
		stored = c.visit(s, flush) || stored
	}
	if stored {
		c.announce()
	}
	return len(due) > 0
}

// visit drains one stream and notes when to come back.
func (c *Collector) visit(s *stream, flush bool) (stored bool) {
	s.in.store.mu.Lock()
	defer s.in.store.mu.Unlock()
	if s.in.ended {
		return false
	}
	d, err := c.drain(s, flush)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, s)
	switch {
	case c.byPath[s.path] != s:
	case err != nil:
		c.log.Warn("log lines wait in the spool", "instance", s.in.name, "stream", s.name, "err", err)
		c.waiting[s] = time.Now().Add(retry)
	case d.more:
		c.dirty[s] = true
		c.wake()
	case d.partial:
		c.waiting[s] = time.Now().Add(c.quiet)
	}
	return d.stored
}
