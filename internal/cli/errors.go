package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"connectrpc.com/connect"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
)

// Exit codes; documented in the package comment.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// exit ends the command with a code; whatever there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a mistake in the command line.
type usageError struct {
	err     error
	command string // banyan ps
}

func (e usageError) Error() string {
	return fmt.Sprintf("%s; see `%s --help`", strings.TrimSuffix(e.err.Error(), "\n"), e.command)
}

func (e usageError) Unwrap() error { return e.err }

// finish prints err as a person needs it and returns the exit code.
func (p *program) finish(err error) int {
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	text, code := explain(err)
	fmt.Fprintln(p.err, "banyan: "+text)
	return code
}

// explain maps an error to its text and exit code.
func explain(err error) (text string, code int) {
	if e, ok := errors.AsType[usageError](err); ok {
		return e.Error(), exitUsage
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		if e.Code == fault.Invalid {
			return e.Error(), exitUsage
		}
		return e.Error(), exitFailed
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return explainConnect(e)
	}
	if e, ok := errors.AsType[appfile.Problems](err); ok {
		return e.Error(), exitUsage
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted", exitInterrupted
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf("%s: %v", e.Path, e.Err), exitFailed
	}
	return err.Error(), exitFailed
}

// explainConnect maps what the control API answers. The daemon's messages are
// written for people, so they stand as they are.
func explainConnect(e *connect.Error) (text string, code int) {
	message, fromDaemon := e.Message(), connect.IsWireError(e)
	switch e.Code() {
	case connect.CodeInvalidArgument:
		return message, exitUsage
	case connect.CodeCanceled:
		// connect calls a connection that was reset canceled, too.
		if fromDaemon || !errors.Is(e, context.Canceled) {
			return "the daemon ended before it had answered; try again", exitFailed
		}
		return "interrupted", exitInterrupted
	case connect.CodeUnimplemented:
		return "the running daemon is another version of Banyan and cannot do this; run `banyan up` with this version", exitFailed
	case connect.CodeUnavailable:
		if fromDaemon {
			return message, exitFailed
		}
		return "the daemon does not answer; try again, or see daemon.log in the state directory", exitFailed
	case connect.CodeDeadlineExceeded:
		return "the daemon took too long to answer; try again, or see daemon.log in the state directory", exitFailed
	}
	return message, exitFailed
}

// gone reports whether err means that the daemon went away, not that it refused
// something; no error is a stream that ended.
func gone(err error) bool {
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || !connect.IsWireError(e) {
		return ok && !errors.Is(e, context.Canceled)
	}
	switch e.Code() { // it said so itself, on its way out
	case connect.CodeUnavailable, connect.CodeAborted, connect.CodeCanceled:
		return true
	}
	return false
}
