package proxy

import (
	"net/netip"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// source gives a message's body, piece by piece. It never waits: the task given
// to the side's owner is woken when there may be more.
type source interface {
	// read returns what is there, nil if nothing is now. done: the body ends with
	// it. The piece is valid until consume, which takes n bytes of it.
	read() (p []byte, done bool, err error)
	consume(n int)
	// trailers are those after the body's end.
	trailers() []message.Field
}

// sink takes a message's body. What it takes goes out at the end of the loop's turn.
type sink interface {
	// room is how many bytes it takes now; 0: the task is woken when there is some.
	room() int
	// write takes p, at most room bytes, and returns how much it took.
	write(p []byte) int
	// end ends the body.
	end(trailers []message.Field)
}

// downstream is the side of an exchange that asked: the client. The exchange's task is woken
// when something happens on it.
type downstream interface {
	source
	sink
	// respond sends the head of the answer (or a 1xx). alone: no body follows.
	respond(h *message.Head, alone bool)
	// gone reports whether the client left, so that an answer reaches nobody.
	gone() bool
	// discard tells that nobody reads the rest of the request's body.
	discard()
	// leave has the client open another connection for its next request.
	leave()
	overHTTP2() bool
	overTLS() bool
	// version is "HTTP/1.1" and the like.
	version() string
	// remote is the client's address.
	remote() netip.AddrPort
	// stream returns the connection for bytes in both directions after a switch; nil: they
	// are read and written as bodies are.
	stream() *loop.Conn
	// cut breaks off what was being sent: the client must not take it for an end.
	cut()
	// plain returns the connection where the answer's body goes out just as it is; nil:
	// it is framed.
	plain() *loop.Conn
}

// puller is a source whose body goes straight to the other side's connection: at
// most limit bytes, those that are there. done: the body has ended with them.
type puller interface {
	pullInto(to *loop.Conn, limit int) (n int, done bool, err error)
}

// upstream is the side that answers: one request on a connection to an instance.
type upstream interface {
	source
	sink
	// send sends the head of the request. alone: no body follows.
	send(h *message.Head, alone bool)
	// head makes the next head of the answer (a 1xx, too) x.resp, if it is there.
	head(x *exchange) (bool, error)
	// unsent reports that no byte of the request can have reached the instance.
	unsent() bool
	// untouched reports that no byte of the answer came and the connection had been used
	// before: the instance closed it when it was idle.
	untouched() bool
	// stream returns the connection for bytes in both directions after a 101; nil: there is none.
	stream() *loop.Conn
	// wakes makes t the task that is woken, in place of that which began the exchange.
	wakes(t *loop.Task)
	// plain returns the connection where the request's body goes out just as it is;
	// nil: it is framed.
	plain() *loop.Conn
	// finish ends the use of the connection; it is kept for others if the
	// exchange was complete.
	finish(complete bool)
}
