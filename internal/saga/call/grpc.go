package call

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

var procedure = regexp.MustCompile(`^/([A-Za-z_][A-Za-z0-9_]*\.)+[A-Za-z_][A-Za-z0-9_]*/[A-Za-z_][A-Za-z0-9_]*$`)

// isProcedure tells whether a path is that of a procedure of gRPC or Connect.
func isProcedure(path string) bool { return procedure.MatchString(path) }

// The codes of https://grpc.io/docs/guides/status-codes/ that are judged.
const (
	grpcOK                 = 0
	grpcInvalidArgument    = 3
	grpcNotFound           = 5
	grpcPermissionDenied   = 7
	grpcResourceExhausted  = 8
	grpcFailedPrecondition = 9
	grpcAborted            = 10
	grpcUnimplemented      = 12
	grpcUnavailable        = 14
)

// grpc makes a request by gRPC, or by Connect's JSON where the service does not
// describe its procedures.
func (c *Caller) grpc(ctx context.Context, service string, r request) machine.Outcome {
	m, err := c.types.method(ctx, c.h2c, service, r)
	switch {
	case errors.Is(err, errNoReflection):
		return c.plain(ctx, r)
	case errors.Is(err, errNoProcedure):
		return attention(0, err.Error())
	case err != nil: // the procedure was not called
		return later("the procedure's types cannot be had: " + err.Error())
	}
	in := dynamicpb.NewMessage(m.method.Input())
	if len(r.body) > 0 {
		if err := (protojson.UnmarshalOptions{Resolver: m.types}).Unmarshal(r.body, in); err != nil {
			return attention(0, fmt.Sprintf("the body is no %s: %v", m.method.Input().FullName(), err))
		}
	}
	message, err := proto.Marshal(in)
	if err != nil {
		return attention(0, fmt.Sprintf("the body is no %s: %v", m.method.Input().FullName(), err))
	}
	a, err := exchange(ctx, c.h2c, r, message)
	if err != nil {
		return lost(err, r.timeout)
	}
	o := a.judge()
	if o.Kind != machine.OutcomeDone {
		return o
	}
	out := dynamicpb.NewMessage(m.method.Output())
	err = (proto.UnmarshalOptions{Resolver: m.types}).Unmarshal(a.message, out)
	if err == nil {
		o.Body, err = (protojson.MarshalOptions{Resolver: m.types, EmitDefaultValues: true}).Marshal(out)
	}
	if err != nil {
		return attention(o.Status, fmt.Sprintf("the step is done, but its answer is no %s: %v", m.method.Output().FullName(), err))
	}
	return o
}

// answer is what a server said by gRPC.
type answer struct {
	resp    *http.Response
	message []byte
	broken  error // why the message could not be read
}

// exchange sends one message and reads one, over HTTP/2 as
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has it.
func exchange(ctx context.Context, client *http.Client, r request, message []byte) (*answer, error) {
	frame := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(message)))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.target.Address+r.path, bytes.NewReader(append(frame, message...)))
	if err != nil {
		return nil, err
	}
	req.Header = r.header.Clone()
	req.Header.Del("Accept")
	req.Header.Set("Content-Type", "application/grpc+proto")
	req.Header.Set("Te", "trailers")
	req.Header.Set("Grpc-Timeout", strconv.FormatInt(max(1, min(r.timeout, 24*time.Hour).Milliseconds()), 10)+"m")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{resp: resp}
	if a.isGRPC() {
		a.message, a.broken = unframe(resp.Body)
	}
	return a, nil
}

// unframe reads one message, or none where there is none.
func unframe(body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, 5+BodyMost+1)) // to the end, behind which the trailers are
	switch {
	case err != nil:
		return nil, err
	case len(b) == 0:
		return nil, nil
	case len(b) > 5+BodyMost:
		return nil, errLarge
	case len(b) < 5 || uint32(len(b)-5) != binary.BigEndian.Uint32(b[1:]):
		return nil, io.ErrUnexpectedEOF
	case b[0] != 0:
		return nil, errors.New("it is compressed, which was not asked for")
	}
	return b[5:], nil
}

func (a *answer) isGRPC() bool {
	return a.resp.StatusCode == http.StatusOK && strings.HasPrefix(a.resp.Header.Get("Content-Type"), "application/grpc")
}

// get returns a field of the trailers, or of the header where there are no others.
func (a *answer) get(name string) string {
	if v := a.resp.Trailer.Get(name); v != "" {
		return v
	}
	return a.resp.Header.Get(name)
}

// code returns the status, -1 if there is none.
func (a *answer) code() int {
	n, err := strconv.ParseUint(a.get("Grpc-Status"), 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

func (a *answer) text() string {
	text := a.get("Grpc-Message")
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return text
}

// judge says what an answer means, but for its message.
func (a *answer) judge() machine.Outcome {
	if !a.isGRPC() {
		o := judge(a.resp, nil, nil)
		if o.Kind == machine.OutcomeDone || o.Kind == machine.OutcomePending || o.Kind == machine.OutcomeAborted {
			return unknown(o.Status, "the answer is not gRPC, but "+a.resp.Header.Get("Content-Type"))
		}
		return o
	}
	code := a.code()
	o := machine.Outcome{
		Kind: machine.OutcomeUnknown, Status: a.resp.StatusCode, Header: fields(a.resp.Header),
		Error: shorten(fmt.Sprintf("the answer was gRPC status %d: %s", code, a.text())),
	}
	if refused := a.get("Banyan-Error"); refused != "" {
		o.Error = shorten("the data plane answered " + refused)
		if kind, ok := unseen[refused]; ok {
			o.Kind, o.Unsent = kind, true
		}
		return o
	}
	switch code {
	case grpcOK:
		return a.ok(o)
	case grpcAborted:
		if strings.EqualFold(a.get(outcomeHeader), abort) {
			o.Kind, o.Error = machine.OutcomeAborted, shorten(a.text())
		}
	case grpcUnavailable, grpcResourceExhausted:
		o.Kind, o.RetryAfter = machine.OutcomeLater, retryAfter(a.get("Retry-After"))
	case grpcInvalidArgument, grpcNotFound, grpcPermissionDenied, grpcUnimplemented, grpcFailedPrecondition:
		o.Kind = machine.OutcomeAttention
	}
	return o
}

func (a *answer) ok(o machine.Outcome) machine.Outcome {
	switch {
	case errors.Is(a.broken, errLarge):
		o.Kind, o.Error = machine.OutcomeAttention, "the step is done, but its answer cannot be used: "+errLarge.Error()
	case a.broken != nil:
		o.Error = shorten("the answer broke off: " + a.broken.Error())
	default:
		o.Kind, o.Error = machine.OutcomeDone, ""
	}
	return o
}
