package daemon

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/postgres"
	"github.com/banyanrun/banyan/internal/route"
)

// loopback is where instances listen.
const loopback = "127.0.0.1"

// surroundings are what an instance's environment is made of.
type surroundings struct {
	app      *model.App
	service  *model.Service
	instance model.Instance
	addrs    map[string]string
	dataDir  string
	as       account
	secret   func(name string) ([]byte, error)
	token    func(service string) (string, error)
	database func(app *model.App, service string) (postgres.Address, error)
	// telemetry says that Banyan takes telemetry in.
	telemetry bool
}

// environment is what an instance gets: inherited, then injected, then the app
// file's variables and secrets; what comes later wins.
func (e *surroundings) environment() ([]string, error) {
	env := e.as.inherit(e.service.Variables, e.dataDir)
	e.inject(env)
	sends := e.injectOTel(env)
	token, err := e.token(e.service.Identity())
	if err != nil {
		return nil, err
	}
	env["BANYAN_TOKEN"] = token
	if hasPostgres(e.service) {
		address, err := e.database(e.app, e.service.Identity())
		if err != nil {
			return nil, err
		}
		maps.Copy(env, address.Variables())
	}
	for _, name := range slices.Sorted(maps.Keys(e.service.Spec.Environment)) {
		value, err := e.expand(e.service.Spec.Environment[name])
		if err != nil {
			return nil, fmt.Errorf("environment: %s: %w", name, err)
		}
		env[name] = value
	}
	for variable, name := range e.service.Spec.Secrets {
		value, err := e.secret(name)
		if err != nil {
			return nil, err
		}
		env[variable] = string(value)
	}
	if sends {
		env[otelAttributes] = e.resource(env[otelAttributes])
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list, nil
}

// inject sets the variables by which a service finds its way without an SDK.
func (e *surroundings) inject(env map[string]string) {
	env["HOST"] = loopback
	if e.instance.Port != 0 {
		env["PORT"] = strconv.Itoa(e.instance.Port)
	}
	env["BANYAN_SERVICE"] = e.service.Identity()
	env["BANYAN_INSTANCE"] = e.instance.ID
	env["BANYAN_REVISION"] = e.instance.Revision
	if addr := e.addrs[route.EdgeID(e.service.Identity(), route.Platform)]; addr != "" {
		env["BANYAN_URL"] = "http://" + addr
	}
	env["DATA_DIR"] = e.dataDir
	if d := e.service.Spec.Database; d != nil && d.Engine != appfile.EnginePostgres {
		env["DATABASE_PATH"] = e.databasePath()
		env["DATABASE_URL"] = "sqlite://" + e.databasePath()
	}
	for _, v := range e.service.Spec.Volumes {
		env[v.Env] = filepath.Join(e.dataDir, v.Name)
	}
	e.injectCalls(env)
}

// injectCalls tells where declared callees are. Every other service of the app
// has a URL as well, where the data plane answers 403 and names both sides.
func (e *surroundings) injectCalls(env map[string]string) {
	if refuse := e.addrs[route.RefuseID(e.service.Identity())]; refuse != "" {
		for name, s := range e.app.Services {
			if name != e.service.Identity() && s.Job == nil {
				env[appfile.VariableName(name)+"_URL"] = "http://" + refuse + "/~refused/" + name
			}
		}
	}
	for name := range e.service.Spec.Calls {
		addr := e.addrs[route.EdgeID(e.service.Identity(), name)]
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			continue // our own addresses are well-formed
		}
		scheme := "http://"
		if s := e.app.Services[name]; s != nil && s.Spec.Protocol == appfile.ProtocolTCP {
			scheme = "tcp://"
		}
		prefix := appfile.VariableName(name)
		env[prefix+"_URL"], env[prefix+"_ADDR"] = scheme+addr, addr
		env[prefix+"_HOST"], env[prefix+"_PORT"] = host, port
	}
}

func (e *surroundings) databasePath() string { return databasePath(e.dataDir, e.service.Identity()) }

// databasePath is where a service's database is in its data directory.
func databasePath(dataDir, service string) string { return filepath.Join(dataDir, service+".db") }

// expand replaces the references that are known once an instance is.
func (e *surroundings) expand(s string) (string, error) {
	return appfile.Expand(s, func(ref appfile.Ref) (string, error) {
		switch ref.Kind {
		case "services":
			return route.Address(e.addrs, e.service.Identity(), ref)
		case "secret":
			value, err := e.secret(ref.Name)
			return string(value), err
		case "out":
			return e.instance.OutDir, nil
		case "port":
			return strconv.Itoa(e.instance.Port), nil
		case "host":
			return loopback, nil
		case "data_dir":
			return e.dataDir, nil
		case "database":
			return e.databaseRef(ref.Attr)
		default:
			return "", fault.New(fault.Invalid, "%s is not known here", ref)
		}
	})
}

// databaseRef is what ${database.ATTR} means.
func (e *surroundings) databaseRef(attr string) (string, error) {
	if !hasPostgres(e.service) {
		if attr == "path" {
			return e.databasePath(), nil
		}
		return "sqlite://" + e.databasePath(), nil
	}
	a, err := e.database(e.app, e.service.Identity())
	return map[string]string{
		"url": a.URL, "host": a.Host, "port": a.Port, "name": a.Name, "user": a.Name, "password": a.Password,
	}[attr], err
}

// argv expands a command.
func (e *surroundings) argv(command appfile.Command) ([]string, error) {
	argv := make([]string, len(command))
	for n, word := range command {
		var err error
		if argv[n], err = e.expand(word); err != nil {
			return nil, err
		}
	}
	return argv, nil
}
