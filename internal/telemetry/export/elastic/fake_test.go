package elastic

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake answers bulk requests as Elasticsearch documents it, and refuses what that would
// refuse: it stands in for a server, which cannot be had here.
type fake struct {
	mu    sync.Mutex
	docs  map[string]map[string]map[string]any // by index and id
	types map[string]string                    // of fields by index and path, as they are mapped first
	busy  int                                  // so many documents are answered 429 first
	auth  string
	wrong []string
}

func newFake(t *testing.T) (*fake, *httptest.Server) {
	t.Helper()
	f := &fake{docs: map[string]map[string]map[string]any{}, types: map[string]string{}}
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.Close()
		for _, w := range f.wrong {
			t.Error(w)
		}
	})
	return f, s
}

func (f *fake) bad(w http.ResponseWriter, format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"error":{"type":"illegal_argument_exception","reason":"malformed"},"status":400}`)
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	f.auth = r.Header.Get("Authorization")
	index, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/_bulk")
	zipped, err := gzip.NewReader(r.Body)
	if !ok || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-ndjson" || err != nil {
		f.bad(w, "%s %s %v: %v", r.Method, r.URL.Path, r.Header, err)
		return
	}
	body, err := io.ReadAll(zipped)
	if err != nil || !bytes.HasSuffix(body, []byte("\n")) {
		f.bad(w, "a bulk request ends with a line end: %v", err)
		return
	}
	type result map[string]any
	var items []result
	failed := false
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var head map[string]map[string]string
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&head); err != nil || len(head) != 1 || head["create"] == nil {
			f.bad(w, "action %q: %v", lines.Text(), err)
			return
		}
		if !lines.Scan() {
			f.bad(w, "an action without a document")
			return
		}
		status, cause := f.create(index, head["create"]["_id"], lines.Bytes())
		one := result{"_index": index, "_id": head["create"]["_id"], "status": status}
		if cause != nil {
			failed, one["error"] = true, cause
		}
		items = append(items, result{"create": one})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"took": 3, "errors": failed, "items": items})
}

// create makes a document, or says why not.
func (f *fake) create(index, id string, text []byte) (int, any) {
	cause := func(kind, reason string) any { return map[string]string{"type": kind, "reason": reason} }
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return 400, cause("document_parsing_exception", err.Error())
	}
	if at, _ := doc["@timestamp"].(string); at == "" {
		return 400, cause("document_parsing_exception", "data stream timestamp field [@timestamp] is missing")
	} else if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
		return 400, cause("document_parsing_exception", err.Error())
	}
	if f.busy > 0 {
		f.busy--
		return 429, cause("es_rejected_execution_exception", "rejected execution of coordinating operation")
	}
	if err := f.mapped(index, doc); err != nil {
		return 400, cause("document_parsing_exception", err.Error())
	}
	if id == "" {
		id = fmt.Sprintf("generated-%d", len(f.docs[index]))
	}
	if f.docs[index] == nil {
		f.docs[index] = map[string]map[string]any{}
	}
	if f.docs[index][id] != nil {
		return 409, cause("version_conflict_engine_exception", "document already exists")
	}
	f.docs[index][id] = doc
	return 201, nil
}

// mapped gives each new field the type of its first value, and refuses another.
func (f *fake) mapped(at string, doc map[string]any) error {
	for key, v := range doc {
		// A dot in a name makes an object.
		path := at
		parts := strings.Split(key, ".")
		for _, p := range parts[:len(parts)-1] {
			path += "/" + p
			if err := f.is(path, "object"); err != nil {
				return err
			}
		}
		if err := f.value(path+"/"+parts[len(parts)-1], v); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) value(path string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if err := f.is(path, "object"); err != nil {
			return err
		}
		return f.mapped(path, v)
	case []any:
		for _, one := range v {
			if err := f.value(path, one); err != nil {
				return err
			}
		}
		return nil
	case string:
		if len(v) > 32766 && !strings.HasSuffix(path, "/message") {
			return fmt.Errorf("field [%s] contains an immense term", path)
		}
	}
	return f.is(path, fmt.Sprintf("%T", v))
}

func (f *fake) is(path, kind string) error {
	if known := f.types[path]; known != "" && known != kind {
		return fmt.Errorf("object mapping for [%s] tried to parse field as %s, but found %s", path, known, kind)
	}
	f.types[path] = kind
	return nil
}
