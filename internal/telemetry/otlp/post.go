package otlp

import "net/http"

// post answers a request of OTLP/HTTP.
func (r *Receiver) post(w http.ResponseWriter, q *http.Request, k *kind) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fail(w, text, &failure{status: http.StatusMethodNotAllowed, code: unimplemented, message: k.path + " takes POST"})
		return
	}
	as, bad := formOf(q.Header)
	if bad != nil {
		fail(w, as, bad)
		return
	}
	share := r.room.Enter()
	defer share.Leave()
	var no refusals
	body, err := share.Read(q)
	if err == nil {
		no, err = k.take(q.Context(), r, as, body)
	}
	if err != nil {
		fail(w, as, r.failureOf(q.Context(), err))
		return
	}
	send(w, as, http.StatusOK, k.success(as, &no))
}

func fail(w http.ResponseWriter, as form, f *failure) {
	if f.retry > 0 {
		w.Header().Set("Retry-After", f.seconds())
	}
	send(w, as, f.status, f.body(as))
}

func send(w http.ResponseWriter, as form, status int, body []byte) {
	w.Header().Set("Content-Type", as.mediaType())
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // what is echoed is JSON or protobuf, and said to be. The sender is gone, or it gets it
}
