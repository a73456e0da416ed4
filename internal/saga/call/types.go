package call

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

var (
	errNoReflection = errors.New("the service does not serve gRPC server reflection")
	errNoProcedure  = errors.New("the service has no such procedure")
)

// What is kept of services' types. A new revision of a service may have others.
const (
	typesKept = time.Minute
	typesMost = 1000
)

// types knows the procedures that services have described.
type types struct {
	mu    sync.Mutex
	known map[string]described // by service and path
}

type described struct {
	method protoreflect.MethodDescriptor
	types  *dynamicpb.Types
	err    error
	until  time.Time
}

// method returns what the service says of the procedure that r calls.
func (t *types) method(ctx context.Context, client *http.Client, service string, r request) (described, error) {
	key := service + r.path
	now := time.Now()
	t.mu.Lock()
	d, ok := t.known[key]
	t.mu.Unlock()
	if ok && now.Before(d.until) {
		return d, d.err
	}
	d, err := describe(ctx, client, r)
	if err != nil && !errors.Is(err, errNoReflection) && !errors.Is(err, errNoProcedure) {
		return d, err
	}
	d.err, d.until = err, now.Add(typesKept)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= typesMost {
		clear(t.known)
	}
	if t.known == nil {
		t.known = map[string]described{}
	}
	t.known[key] = d
	return d, err
}

// describe asks the service by reflection, the newer protocol first.
func describe(ctx context.Context, client *http.Client, r request) (described, error) {
	name, method, _ := strings.Cut(r.path[1:], "/")
	var files []*descriptorpb.FileDescriptorProto
	err := errNoReflection
	for _, version := range []string{"v1", "v1alpha"} {
		files, err = reflectOn(ctx, client, r, version, name)
		if !errors.Is(err, errNoReflection) {
			break
		}
	}
	if err != nil {
		return described{}, err
	}
	all, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: files})
	if err != nil {
		return described{}, fmt.Errorf("what it says of itself does not fit together: %w", err)
	}
	found, err := all.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return described{}, fmt.Errorf("%w: %w", errNoProcedure, err)
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return described{}, fmt.Errorf("%w: %s is no service", errNoProcedure, name)
	}
	m := service.Methods().ByName(protoreflect.Name(method))
	switch {
	case m == nil:
		return described{}, fmt.Errorf("%w: %s has no %s", errNoProcedure, name, method)
	case m.IsStreamingClient() || m.IsStreamingServer():
		return described{}, fmt.Errorf("%w: %s is a stream", errNoProcedure, m.FullName())
	}
	return described{method: m, types: dynamicpb.NewTypes(all)}, nil
}

// Field numbers of https://github.com/grpc/grpc/blob/master/src/proto/grpc/reflection/v1/reflection.proto.
const (
	fieldByName   = 3 // of the request
	fieldBySymbol = 4
	fieldFiles    = 4 // of the response
	fieldError    = 7
	fieldFile     = 1 // of its files
)

// reflectOn returns the files that declare a symbol, and those that they import.
func reflectOn(ctx context.Context, client *http.Client, r request, version, symbol string) ([]*descriptorpb.FileDescriptorProto, error) {
	known := map[string]*descriptorpb.FileDescriptorProto{}
	var all []*descriptorpb.FileDescriptorProto
	ask := func(field protowire.Number, value string) error {
		found, err := ask(ctx, client, r, version, field, value)
		for _, f := range found {
			if known[f.GetName()] == nil {
				known[f.GetName()] = f
				all = append(all, f)
			}
		}
		return err
	}
	if err := ask(fieldBySymbol, symbol); err != nil {
		return nil, err
	}
	const most = 1000 // files
	for i := 0; i < len(all) && i < most; i++ {
		for _, name := range all[i].GetDependency() {
			if known[name] != nil {
				continue
			}
			if err := ask(fieldByName, name); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// ask makes one request of the reflection service.
func ask(ctx context.Context, client *http.Client, r request, version string, field protowire.Number, value string) ([]*descriptorpb.FileDescriptorProto, error) {
	r.path = "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo"
	r.header = http.Header{"User-Agent": {"banyan"}}
	a, err := exchange(ctx, client, r, protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), value))
	switch {
	case err != nil:
		return nil, err
	case a.get("Banyan-Error") != "":
		return nil, fmt.Errorf("the data plane answered %s", a.get("Banyan-Error"))
	case !a.isGRPC() && a.resp.StatusCode < http.StatusInternalServerError, a.code() == grpcUnimplemented:
		return nil, errNoReflection
	case a.code() != grpcOK:
		return nil, fmt.Errorf("reflection answered gRPC status %d: %s", a.code(), a.text())
	case a.broken != nil:
		return nil, a.broken
	}
	return parseFiles(a.message)
}

func parseFiles(response []byte) (files []*descriptorpb.FileDescriptorProto, err error) {
	err = each(response, func(field protowire.Number, value []byte) error {
		if field == fieldError {
			return errNoProcedure
		}
		if field != fieldFiles {
			return nil
		}
		return each(value, func(field protowire.Number, value []byte) error {
			if field != fieldFile {
				return nil
			}
			f := &descriptorpb.FileDescriptorProto{}
			files = append(files, f)
			return proto.Unmarshal(value, f)
		})
	})
	return files, err
}

// each calls do for the fields of a message that are bytes.
func each(message []byte, do func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return protowire.ParseError(n)
			}
			if err := do(field, value); err != nil {
				return err
			}
		}
		if n = protowire.ConsumeFieldValue(field, kind, message); n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
	}
	return nil
}
