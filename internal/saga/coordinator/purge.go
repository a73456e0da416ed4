package coordinator

import "time"

// What has expired is deleted in pages, between which others write.
const (
	purgeEach  = time.Minute
	purgePage  = 500
	purgePause = 20 * time.Millisecond
)

// checkAfter is when what is kept is looked through: not while sagas that were open
// want to go on.
const checkAfter = time.Minute

// check looks once whether what is kept fits together.
func (t *term) check() {
	if sleep(t.ctx, checkAfter) != nil {
		return
	}
	if err := t.options.Store.Check(t.ctx); err != nil && t.ctx.Err() == nil {
		t.log.Error("what is kept of sagas is damaged; those that cannot be read are stopped", "error", err)
	}
}

// purge deletes sagas whose retention is over, until the term ends.
func (t *term) purge() {
	for {
		deleted, err := t.options.Store.Purge(t.ctx, time.Now(), purgePage)
		if t.fenced(err) {
			return
		}
		if err != nil && t.ctx.Err() == nil {
			t.log.Warn("sagas that ended long ago cannot be deleted", "error", err)
		}
		pause := purgeEach
		if deleted == purgePage {
			pause = purgePause
		}
		if sleep(t.ctx, pause) != nil {
			return
		}
	}
}
