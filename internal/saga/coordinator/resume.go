package coordinator

import (
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

var open = []string{string(machine.Running), string(machine.Compensating), string(machine.NeedsAttention)}

// A page of what was open is read when fewer than resumeMost sagas are at work.
const (
	resumePage = 256
	resumeMost = 512
)

// resume goes on with all that was open when the term began, the oldest first, and
// then with sagas that were started when there was no room for them.
func (t *term) resume() {
	since, count := time.Now(), 0
	for {
		if !t.room(resumeMost) {
			return
		}
		t.mu.Lock()
		behind, until := t.behind, t.until
		t.mu.Unlock()
		if behind == until {
			break
		}
		var page []store.Saga
		if err := t.persist("open sagas cannot be read", func() (err error) {
			page, err = t.options.Store.Page(t.ctx, open, behind, until, resumePage)
			return err
		}); err != nil {
			return
		}
		for _, row := range page {
			t.resumeOne(row)
		}
		count += len(page)
		t.mu.Lock()
		if len(page) < resumePage {
			t.behind = until
		} else {
			t.behind = page[len(page)-1].N
		}
		for n := range t.early {
			if n <= t.behind {
				delete(t.early, n)
			}
		}
		t.mu.Unlock()
	}
	t.mu.Lock()
	t.resumed = true
	clear(t.early)
	t.mu.Unlock()
	if count > 0 {
		t.log.Info("sagas go on", "count", count, "took", time.Since(since))
	}
	t.timers.begin()
	t.waits.begin(t)
	t.startWaiting()
}

// hasTurn says that a saga was started in this term: what a page says of it may be
// old by the time that it is looked at.
func (t *term) hasTurn(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.resumed {
		t.early[n] = true
	}
}

// room waits until fewer than most sagas are at work, and tells whether the term goes on.
func (t *term) room(most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.ctx.Err() == nil && t.busy() >= min(most, t.options.Documents) {
		t.roomy.Wait()
	}
	return t.ctx.Err() == nil
}

// resumeOne has a saga that was open worked on, unless it is already. A row that
// is damaged stops that saga.
func (t *term) resumeOne(row store.Saga) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.early[row.N] || t.ctx.Err() != nil {
		return
	}
	t.early[row.N] = true
	if s := t.sagas[row.ID]; s != nil && s.fresh { // it is being started right now
		return
	} else if s != nil { // somebody wants something of it, and it is not read yet
		s.mailbox = append([]letter{{event: machine.Resumed{}}}, s.mailbox...)
		t.begin(s)
		return
	}
	s := &saga{id: row.ID}
	t.sagas[row.ID] = s
	s.working = true
	t.tasks.Go(func() {
		if err := t.begun(s, row); err != nil && t.ctx.Err() == nil {
			t.stop(s, err)
		}
		t.work(s)
	})
}

func (t *term) begun(s *saga, row store.Saga) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = defect(value)
		}
	}()
	return t.readOpen(s, row)
}

// startWaiting works on sagas that were started when memory was full, as it gets room.
func (t *term) startWaiting() {
	for t.room(resumeMost) {
		t.mu.Lock()
		for t.ctx.Err() == nil && len(t.overflow) == 0 {
			t.roomy.Wait()
		}
		ids := t.overflow[:min(len(t.overflow), resumePage)]
		t.overflow = t.overflow[len(ids):]
		t.mu.Unlock()
		for _, id := range ids {
			t.post(id, letter{event: machine.Resumed{}})
		}
	}
}
