package cli

import (
	"slices"
	"strings"

	"github.com/banyanrun/banyan/appfile"
)

// inherited are the caller's variables that instances get: where programs and
// their files are, how to speak, how to reach the network. Nothing else leaks
// from a developer's shell into a service. What differs from one terminal or
// login to the next (TERM, XDG_SESSION_ID) is not here: it would make every
// service a new revision. A * at the end stands for any rest.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR",
	"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_DIRS", "XDG_DATA_DIRS",
	"GOPATH", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOROOT", "GOPRIVATE",
	"GONOSUMDB", "GONOSUMCHECK", "GONOPROXY", "GOSUMDB",
	"NODE_PATH", "NVM_DIR", "PYENV_ROOT", "VIRTUAL_ENV", "PYTHONPATH",
	"JAVA_HOME", "MAVEN_*", "CARGO_HOME", "RUSTUP_HOME",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// variables picks from environ what Apply sends: the inherited ones, those that
// the file names by ${env.X}, and those that hold its secrets.
func variables(environ []string, file *appfile.File) map[string]string {
	names := slices.Concat(inherited, file.EnvRefs)
	for _, s := range file.App.Secrets {
		if s != nil && s.Environment != "" {
			names = append(names, s.Environment)
		}
	}
	out := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && matchesAny(names, name) {
			out[name] = value
		}
	}
	return out
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, wild := strings.CutSuffix(p, "*"); wild {
			return strings.HasPrefix(name, prefix)
		}
		return p == name
	})
}
