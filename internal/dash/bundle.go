package dash

import (
	"net/http"
	"slices"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
)

// bundleTypes are the media types that a bundle may come as. No form of another page
// can send one of them without asking first.
var bundleTypes = []string{"application/gzip", "application/x-gzip", "application/octet-stream"}

// bundle lets a visitor download a bundle of telemetry, or import one: an operator,
// as that changes what everybody sees. How much is read is the handler's to bound,
// which records imports as well.
func (d *door) bundle(w http.ResponseWriter, r *http.Request, v *visitor) {
	switch {
	case d.Bundles == nil:
		refuse(w, http.StatusNotFound, "not_found", "there is no telemetry here")
		return
	case r.Method == http.MethodGet:
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		refuse(w, http.StatusMethodNotAllowed, "unimplemented", "a bundle is fetched by GET and imported by POST")
		return
	case !v.Role.May(access.Act):
		d.refuseAct(w, r, v, "TelemetryService/ImportBundle")
		return
	case !slices.Contains(bundleTypes, mediaType(r)) || r.Header.Get("Content-Encoding") != "":
		refuse(w, http.StatusUnsupportedMediaType, "invalid_argument", "a bundle is sent as it is: Content-Type: application/gzip")
		return
	}
	d.Bundles.ServeHTTP(w, r.WithContext(audit.With(r.Context(), v.actor())))
}

// refuseAct refuses a viewer what only an operator may do, and records it.
func (d *door) refuseAct(w http.ResponseWriter, r *http.Request, v *visitor, procedure string) {
	d.recordRefusal(r.Context(), v.id, fromVisitor, audit.Action{Who: v.Who, Role: string(v.Role), From: v.from, Procedure: procedure, Result: "refused: a viewer changes nothing"})
	refuse(w, http.StatusForbidden, "permission_denied", "a viewer looks and changes nothing; ask an operator, or run `banyan dashboard` for a link that lets you act")
}
