package dataplane

import (
	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
)

// spansAhead is how many messages of spans, of some 45 KiB at most, may be under way:
// together they fit a socket's buffer.
const spansAhead = 3

// askSpans asks for spans, if anybody wants them. A data plane that is too old for it
// does not see the question.
func (k *Keeper) askSpans(p *plane, messages int) error {
	if k.cfg.Spans == nil {
		return nil
	}
	return p.conn.Send(&link.Message{SpansRequest: &link.SpansRequest{Messages: messages}})
}

// tookSpans hands spans on and asks for more.
func (k *Keeper) tookSpans(p *plane, m *link.Spans) error {
	spans, err := account.ReadSpans(m.Data)
	if err != nil { // it is of another version: no more are asked for
		k.log.Warn("there are no spans of this data plane", "error", err)
		return nil
	}
	if k.cfg.Spans != nil && len(spans) > 0 {
		k.cfg.Spans(spans)
	}
	return k.askSpans(p, 1)
}
