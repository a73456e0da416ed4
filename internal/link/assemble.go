package link

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/banyanrun/banyan/internal/route"
)

// stretch is how many items are moved before others have their turn; each takes
// some tens of nanoseconds.
const stretch = 256

// maxAhead bounds the items that memory is taken for before they have come.
const maxAhead = 1 << 16

// ErrParts is returned where parts do not make the snapshot that was sent: the
// whole of it has to be sent again.
var ErrParts = errors.New("link: the parts of a snapshot do not fit")

// Assembler puts parts together for one link. It is not safe for concurrent
// use. It lets other goroutines run again and again: a large snapshot is read
// while requests are served, and the scheduler would let these wait for 10 ms.
type Assembler struct {
	agreed *content // the snapshot that parts may keep items of
	ready  *content // complete, and not in force yet
	next   *content // under way
	rest   *route.Snapshot
	sizes  Sizes
	base   *content // of next
	number int      // of the part that is to come
	err    error    // what was wrong with next's parts
}

// Add takes the next part. With the last one of a snapshot it returns the
// snapshot, or why there is none; before that it returns nil and no error.
func (a *Assembler) Add(p *Part) (*route.Snapshot, error) {
	defer runtime.Gosched()
	if p.Number == 0 {
		a.begin(p)
	}
	if a.err == nil {
		a.err = a.take(p)
	}
	if !p.Last {
		return nil, nil
	}
	if a.err == nil {
		a.err = a.check(p)
	}
	if err := a.err; err != nil {
		a.next, a.rest = nil, nil
		return nil, err
	}
	s := a.next.snapshot(a.rest, runtime.Gosched)
	a.ready, a.next, a.rest = a.next, nil, nil
	return s, nil
}

// Agree notes that the snapshot that Add returned last is in force: those that
// follow keep items of it.
func (a *Assembler) Agree() { a.agreed, a.ready, a.base = a.ready, nil, nil }

func (a *Assembler) begin(p *Part) {
	a.ready, a.next, a.rest, a.number, a.err = nil, nil, nil, 0, nil
	a.base = &content{}
	if p.Base != (route.Version{}) {
		a.base = a.agreed
	}
	switch {
	case p.Rest == nil || p.Sizes == nil:
		a.err = fmt.Errorf("%w: the first says nothing", ErrParts)
	case a.base == nil || a.base.version != p.Base:
		a.err = fmt.Errorf("%w: they keep of another snapshot than the last one", ErrParts)
	default:
		a.rest, a.sizes = p.Rest, *p.Sizes
		a.next = &content{
			version: p.Version, listeners: room[route.Listener](p.Sizes.Listeners), edges: room[route.Edge](p.Sizes.Edges),
			services: room[Named](p.Sizes.Services), routes: room[route.Route](p.Sizes.Routes),
		}
	}
}

func room[T any](n int) (l list[T]) {
	if n = min(n, maxAhead); n > 0 {
		l.items, l.serials = make([]T, 0, n), make([]uint64, 0, n)
	}
	return l
}

func (a *Assembler) take(p *Part) error {
	if a.next == nil || p.Number != a.number || p.Version != a.next.version {
		return fmt.Errorf("%w: part %d came in place of %d", ErrParts, p.Number, a.number)
	}
	a.number++
	serial := p.Serial
	return errors.Join(
		extend(&a.next.listeners, a.base.listeners, p.Listeners, &serial),
		extend(&a.next.edges, a.base.edges, p.Edges, &serial),
		extend(&a.next.services, a.base.services, p.Services, &serial),
		extend(&a.next.routes, a.base.routes, p.Routes, &serial),
	)
}

// check is done with the last part.
func (a *Assembler) check(p *Part) error {
	switch {
	case a.next.sizes() != a.sizes || a.next.sum() != p.Sum:
		return fmt.Errorf("%w: they make another one", ErrParts)
	case a.rest.Gateway == nil && len(a.next.routes.items) > 0:
		return fmt.Errorf("%w: there are routes and no gateway", ErrParts)
	}
	return nil
}

// extend adds what runs describe to l.
func extend[T any](l *list[T], base list[T], runs []Run[T], serial *uint64) error {
	for i := range runs {
		r := &runs[i]
		if r.From < 0 || r.Keep < 0 || r.From > len(base.items) || r.Keep > len(base.items)-r.From {
			return fmt.Errorf("%w: they keep what is not there", ErrParts)
		}
		for from, end := r.From, r.From+r.Keep; from < end; {
			to := min(from+stretch, end)
			l.items = append(l.items, base.items[from:to]...)
			l.serials = append(l.serials, base.serials[from:to]...)
			if from = to; to-r.From >= stretch {
				runtime.Gosched()
			}
		}
		l.items = append(l.items, r.Items...)
		for range r.Items {
			l.serials = append(l.serials, *serial)
			*serial++
		}
	}
	return nil
}
