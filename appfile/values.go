package appfile

import "time"

// Duration is a time.Duration written as 500ms, 2s, 1m30s, 24h, 7d (a day is 24 hours).
type Duration time.Duration

// Bytes is a number of bytes written as 512, 64Ki, 128Mi, 1Gi (powers of 1024) or 10k, 5M, 1G (of 1000).
type Bytes int64

// Command is a program with its arguments. In the file a string is split as a
// shell would split it, before interpolation, and no shell runs it; a list is
// taken as it is.
type Command []string

// Environment is a map of variables; in the file a map, or Compose's list of KEY=value.
type Environment map[string]string

// StringList is a list of strings; in the file one string, or a list.
type StringList []string

// Calls are edges by callee; in the file a list of names, or a map of name to policy.
type Calls map[string]*Call

// DependsOn are dependencies by name; in the file a list of names, or a map of name to condition.
type DependsOn map[string]*Dependency

// ServiceSecrets maps an environment variable to the secret that fills it; in
// the file a map, or a list of secret names (the variable is the name in upper
// case, - as _).
type ServiceSecrets map[string]string
