package audit

import (
	"context"
	"log/slog"
	"strings"

	"connectrpc.com/connect"
)

// Actor is who calls, as the door knows.
type Actor struct{ Who, Role, From string }

type actorKey struct{}

// With returns a context for a call of the actor. Without one it is the CLI: only
// the app's owner can open the control socket.
func With(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

func actorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Who: "cli"}
}

// Recorder returns an interceptor that records the calls for which changes says
// so. That one cannot be recorded, on a full disk for example, is told to log and
// does not keep it from being made.
func Recorder(l *Log, changes func(procedure string) bool, log *slog.Logger) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			procedure := r.Spec().Procedure
			if !changes(procedure) {
				return next(ctx, r)
			}
			who := actorOf(ctx)
			end, err := l.Begin(Action{Who: who.Who, Role: who.Role, From: who.From, Procedure: Short(procedure), What: describe(r.Any())})
			if err != nil {
				log.ErrorContext(ctx, "an action is not recorded", "procedure", procedure, "who", who.Who, "error", err)
			}
			res, err := next(ctx, r)
			if unsaved := end(resultOf(err)); unsaved != nil {
				log.ErrorContext(ctx, "an action's result is not recorded", "procedure", procedure, "who", who.Who, "error", unsaved)
			}
			return res, err
		}
	})
}

// Short is a procedure as people read it: ControlService/Restart.
func Short(procedure string) string {
	return strings.TrimPrefix(procedure, "/banyan.v1.")
}

func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return connect.CodeOf(err).String() + ": " + strings.TrimPrefix(err.Error(), connect.CodeOf(err).String()+": ")
}
