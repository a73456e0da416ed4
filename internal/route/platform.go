package route

import (
	"maps"
	"slices"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

// platformPolicy is that of calls to Banyan itself. Its one instance is never
// ejected. While it is being restarted requests wait, so that nobody notices.
var platformPolicy = Policy{Timeout: 30 * time.Second, Wait: 10 * time.Second, Outlier: &Outlier{}}

// platformEdges are the edges that the app file does not declare: each service and
// job may call Banyan, whether it does or not, because its environment says where
// that is; and Banyan calls those that events are delivered to or that steps of
// sagas call.
func platformEdges(app *model.App) []Edge {
	var edges []Edge
	for _, name := range slices.Sorted(maps.Keys(app.Services)) {
		s := app.Services[name]
		if s.LeftOut != "" || s.Of != "" {
			continue
		}
		edges = append(edges, Edge{Caller: name, Callee: Platform, Policy: platformPolicy})
		if called(app, s) {
			// Every request says its time itself, and who sends it repeats it.
			edges = append(edges, Edge{Caller: Platform, Callee: name})
		}
	}
	return edges
}

// called reports whether Banyan calls s: events are delivered to it, or sagas may call it.
func called(app *model.App, s *model.Service) bool {
	return len(s.Spec.Subscribes) > 0 || app.CallsAll && s.Job == nil && s.Spec.Protocol != appfile.ProtocolTCP
}
