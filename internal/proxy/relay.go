package proxy

import (
	"errors"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// relay passes the answer whose head is in x.resp on to the client.
func (x *exchange) relay() {
	inst := x.chosen.inst
	h := x.resp
	switch {
	case h.Status == 101:
		x.switchProtocols()
		return
	case x.extended && h.Status < 300: // the client would take it for the switch
		x.misled("no switch to " + str(x.req.Upgrade))
		return
	}
	x.sign(h)
	x.status = h.Status
	x.relayed = true
	alone := h.Body == message.None
	x.client.respond(h, alone)
	if !alone {
		if err := x.relayBody(); err != nil {
			x.finish(false)
			x.broken(inst, err)
			return
		}
		trailers := x.up.trailers()
		x.grpcFailed = failedGRPC(trailers)
		if len(trailers) > 0 {
			x.fill.Drop() // they are not kept
			x.fill = nil
		}
		x.client.end(trailers)
	}
	x.done = true
	x.finish(x.body.over)
}

// relayBody moves the answer's body, and what is left of the request's, until
// the answer ends.
func (x *exchange) relayBody() error {
	for {
		pushed := false
		if !x.body.over {
			var err error
			if pushed, err = x.body.push(x.up); err != nil {
				return err
			}
		}
		pulled, done, err := x.pull()
		if done || err != nil {
			return err
		}
		if pushed || pulled {
			continue
		}
		deadline := int64(0)
		if x.pace > 0 && x.client.room() == 0 {
			deadline = x.w.after(x.pace)
		}
		if err := x.wait(deadline); errors.Is(err, errTimeout) {
			return errPace // it is the client's time that is over
		} else if err != nil {
			return err
		}
	}
}

// pull moves what there is of the answer's body to the client, as much as it takes.
func (x *exchange) pull() (moved, done bool, err error) {
	if direct, ok := x.up.(puller); ok && x.fill == nil {
		if to := x.client.plain(); to != nil {
			n, done, err := direct.pullInto(to, x.client.room())
			x.out += int64(n)
			return n > 0, done, err
		}
	}
	for {
		room := x.client.room()
		if room == 0 {
			return moved, false, nil
		}
		p, last, err := x.up.read()
		if err != nil {
			return moved, false, err
		}
		if len(p) > room {
			p, last = p[:room], false
		}
		n := x.client.write(p)
		x.keep(p[:n])
		x.up.consume(n)
		x.out += int64(n)
		switch {
		case last && n == len(p):
			return moved, true, nil
		case n == 0:
			return moved, false, nil
		}
		moved = true
	}
}

// broken ends an answer whose body did not come to its end: the client must be
// able to see that. A gRPC client gets a status, others a broken connection.
func (x *exchange) broken(inst *instance, err error) {
	f, v := x.explain(err, inst)
	x.fail = f
	if v == policy.Bad {
		x.suspect(inst, v)
		if x.client.overHTTP2() && isGRPC(x.resp) {
			x.client.end([]message.Field{
				{Name: message.GrpcStatus.Name(), ID: message.GrpcStatus, Value: []byte("14")},
				{Name: message.GrpcMessage.Name(), ID: message.GrpcMessage, Value: []byte(f.code)},
			})
		}
	}
}
