package daemon

import (
	"bytes"
	"os"
	"sync"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/secret"
)

// secrets resolves secrets by where the app file says that they come from.
type secrets struct {
	store  secret.Store
	tokens *tokens

	mu     sync.Mutex
	source map[string]*appfile.Secret
	seen   map[string][]byte // values that instances may print
}

// openSecrets opens the store, with the key that the environment names if it does.
func openSecrets(dir string) (*secrets, error) {
	s := &secrets{store: secret.Store{Dir: dir}, seen: map[string][]byte{}}
	if path := os.Getenv("BANYAN_SECRET_KEY_FILE"); path != "" {
		key, err := secret.DeriveKey(path)
		if err != nil {
			return nil, err
		}
		s.store.Key = key
	}
	s.tokens = newTokens(s.store)
	return s, nil
}

// declare sets where secrets come from. Values that are in the caller's
// environment are kept: the daemon outlives the caller.
func (s *secrets) declare(source map[string]*appfile.Secret, variables map[string]string) error {
	for name, from := range source {
		if from == nil || from.Environment == "" {
			continue
		}
		value := variables[from.Environment]
		if value == "" {
			continue // an earlier apply may have kept it; get says if not
		}
		if old, err := s.store.Get(name); err == nil && string(old) == value {
			continue
		}
		if err := s.store.Set(name, []byte(value)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.source = source
	s.mu.Unlock()
	for name := range source {
		_, _ = s.get(name) // remembered for redaction; whoever needs it is told if it is missing
	}
	return nil
}

// get returns a secret's value.
func (s *secrets) get(name string) ([]byte, error) {
	value, err := s.read(name)
	if err == nil {
		s.remember(name, value)
	}
	return value, err
}

func (s *secrets) read(name string) ([]byte, error) {
	s.mu.Lock()
	from := s.source[name]
	s.mu.Unlock()
	if from != nil && from.File != "" {
		data, err := os.ReadFile(from.File)
		if err != nil {
			return nil, fault.New(fault.Invalid, "secret %s: %w", name, err).Fix("make the file, or correct secrets.%s.file", name)
		}
		return bytes.TrimRight(data, "\r\n"), nil
	}
	value, err := s.store.Get(name)
	if err == nil {
		return value, nil
	}
	if fault.CodeOf(err) != fault.NotFound {
		return nil, err
	}
	missing := fault.New(fault.Invalid, "secret %s has no value", name)
	if from != nil && from.Environment != "" {
		return nil, missing.Fix("set the variable %s where you run `banyan up`", from.Environment)
	}
	return nil, missing.Fix("set it with `banyan secret set %s`", name)
}

// token returns what a service has in BANYAN_TOKEN.
func (s *secrets) token(service string) (string, error) {
	token, err := s.tokens.of(service)
	if err == nil {
		s.remember("BANYAN_TOKEN of "+service, []byte(token))
	}
	return token, err
}

// shortest is the length from which a secret is looked for in output: shorter
// ones would blank out ordinary words.
const shortest = 6

// redact replaces the values of secrets in a line of output.
func (s *secrets) redact(_ string, line []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, value := range s.seen {
		line = bytes.ReplaceAll(line, value, []byte("[secret "+name+"]"))
	}
	return line
}

// remember keeps a value so that it is redacted from now on.
func (s *secrets) remember(name string, value []byte) {
	if len(value) < shortest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[name] = value
}
