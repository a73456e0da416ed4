package coordinator

import "time"

// What has expired is deleted in pages, between which others write.
const (
	purgeEach  = time.Minute
	purgePage  = 500
	purgePause = 20 * time.Millisecond
)

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
