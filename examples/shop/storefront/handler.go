package main

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
)

// contentSecurityPolicy allows this origin's own files and nothing inline.
var contentSecurityPolicy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self'",
	"connect-src 'self'",
	"form-action 'self'",
	"base-uri 'none'",
	"frame-ancestors 'none'",
	"require-trusted-types-for 'script'",
}, "; ")

func newHandler(s *site) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("/assets/{version}/{name...}", readOnly(s.serveAsset))
	// A missing API route must look like one to a program: never the page with status 200.
	mux.HandleFunc("/api/", notFound)
	mux.HandleFunc("/.well-known/", notFound)
	mux.HandleFunc("/", readOnly(s.servePage))
	return secured(mux)
}

// serveAsset answers an asset's versioned address. While two versions of the storefront run side by side, a page
// of one may ask the other: that gets the file it has, and must ask again next time.
func (s *site) serveAsset(w http.ResponseWriter, r *http.Request) {
	file := s.files["assets/"+r.PathValue("name")]
	switch {
	case file == nil:
		notFound(w, r)
	case r.PathValue("version") == s.version:
		file.serve(w, r, cacheForever)
	default:
		file.serve(w, r, cacheRevalidate)
	}
}

// servePage answers every address that the page's own router may know with the page.
func (s *site) servePage(w http.ResponseWriter, r *http.Request) {
	if file := s.files[strings.TrimPrefix(r.URL.Path, "/")]; file != nil {
		file.serve(w, r, cacheAnHour)
		return
	}
	if path.Ext(r.URL.Path) != "" {
		notFound(w, r)
		return
	}
	s.index.serve(w, r, cacheRevalidate)
}

func readOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem(w, http.StatusMethodNotAllowed, "method-not-allowed", "The storefront only answers GET and HEAD.")
			return
		}
		next(w, r)
	}
}

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentSecurityPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem(w, http.StatusNotFound, "not-found", "The storefront has nothing at "+r.URL.Path+".")
}

// problem writes an RFC 9457 problem.
func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "code": code,
	})
}
