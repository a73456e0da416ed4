package proxy

import (
	"math"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// setLimit finds out how long the answer's head may take: the edge's timeout,
// or the time that the client gives, if that is shorter.
func (x *exchange) setLimit() {
	now := x.w.loop.Now()
	x.limit, x.own = x.edg.policy.Timeout, true
	given := x.givenTime()
	if given > 0 {
		x.given = now + int64(given)
		if x.limit <= 0 || given < x.limit {
			x.limit, x.own = given, false
		}
	}
	x.deadline = x.w.after(x.limit)
}

// givenTime is the time that the client waits by what it says; 0: it does not say.
// Of a gRPC client it is for the whole answer.
func (x *exchange) givenTime() time.Duration {
	given := time.Duration(0)
	if v := x.req.Get(message.BanyanDeadline); v != nil {
		if d, ok := milliseconds(v); ok {
			given = d
		} else {
			x.req.Remove(message.BanyanDeadline)
		}
	}
	if v := x.req.Get(message.GrpcTimeout); v != nil {
		if d, ok := grpcTimeout(v); ok {
			x.grpcEnd = x.w.after(d)
			if given == 0 || d < given {
				given = d
			}
		}
	}
	return given
}

// milliseconds reads Banyan-Deadline: up to 12 digits. Who has none left has
// the shortest time.
func milliseconds(v []byte) (time.Duration, bool) {
	if len(v) == 0 || len(v) > 12 {
		return 0, false
	}
	n := int64(0)
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return max(1, time.Duration(n)*time.Millisecond), true
}

// tellDeadline tells the instance how long this try may take: Banyan-Deadline
// to the answer's head, and to whom a gRPC client has told a time, what is left
// of that.
func (x *exchange) tellDeadline() {
	now := x.w.loop.Now()
	if x.until != 0 {
		x.req.SetInt(message.BanyanDeadline, max(1, (x.until-now)/int64(time.Millisecond)))
	}
	if x.grpcEnd != 0 {
		room := x.req.Space(9)
		x.req.Set(message.GrpcTimeout, appendGrpcTimeout(room[:0], time.Duration(x.grpcEnd-now)))
	}
}

// grpcUnits are gRPC's units of time, the finest first.
var grpcUnits = [...]struct {
	length time.Duration
	name   byte
}{{time.Nanosecond, 'n'}, {time.Microsecond, 'u'}, {time.Millisecond, 'm'}, {time.Second, 'S'}, {time.Minute, 'M'}, {time.Hour, 'H'}}

// grpcMost is the greatest number in a Grpc-Timeout.
const grpcMost = 99_999_999

// appendGrpcTimeout appends d, at least 1 ns, in the finest unit that has room for it, rounded down.
func appendGrpcTimeout(b []byte, d time.Duration) []byte {
	d = max(d, 1)
	for _, u := range grpcUnits {
		if n := d / u.length; n <= grpcMost {
			return append(strconv.AppendInt(b, int64(n), 10), u.name)
		}
	}
	return append(strconv.AppendInt(b, grpcMost, 10), 'H')
}

// grpcTimeout reads the header's value: up to 8 digits and a unit
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func grpcTimeout(v []byte) (time.Duration, bool) {
	if len(v) < 2 || len(v) > 9 {
		return 0, false
	}
	unit := time.Duration(0)
	for _, u := range grpcUnits {
		if u.name == v[len(v)-1] {
			unit = u.length
		}
	}
	n := uint64(0)
	for _, c := range v[:len(v)-1] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if unit == 0 || n == 0 || n > uint64(math.MaxInt64/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
