package appfile

import (
	"fmt"
	"maps"
	"slices"
)

// selectProfiles removes the services and jobs that none of the asked
// profiles include. What depends on one of them is an error; what only calls
// it or leads to it stays, and is answered by 503.
func (v *validator) selectProfiles(asked []string) {
	v.askedProfiles(asked)
	included := func(profiles []string) bool {
		return len(profiles) == 0 || slices.Contains(asked, "*") || slices.ContainsFunc(profiles, func(p string) bool { return slices.Contains(asked, p) })
	}
	out := map[string][]string{}
	for name, s := range v.app.Services {
		if !included(s.Profiles) {
			out[name] = s.Profiles
		}
	}
	for name, j := range v.app.Jobs {
		if !included(j.Profiles) {
			out[name] = j.Profiles
		}
	}
	if len(out) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Services)) {
		if s := v.app.Services[name]; out[name] == nil {
			v.leftOut(name, join("services", name), s.DependsOn, s.Calls, out)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Jobs)) {
		if j := v.app.Jobs[name]; out[name] == nil {
			v.leftOut(name, join("jobs", name), j.DependsOn, j.Calls, out)
		}
	}
	for name := range out {
		delete(v.app.Services, name)
		delete(v.app.Jobs, name)
	}
	if len(v.app.Services) == 0 {
		v.report("services", "every service has profiles, and none of them is asked for", "ask for one of "+list(v.profileNames(out)))
	}
}

func (v *validator) profileNames(of map[string][]string) []string {
	var names []string
	for _, profiles := range of {
		names = append(names, profiles...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// askedProfiles refuses a profile that nothing names: a slip would silently
// leave services out.
func (v *validator) askedProfiles(asked []string) {
	all := map[string][]string{}
	for name, s := range v.app.Services {
		all[name] = s.Profiles
	}
	for name, j := range v.app.Jobs {
		all["job "+name] = j.Profiles
	}
	known := v.profileNames(all)
	for _, p := range asked {
		if p != "*" && !slices.Contains(known, p) {
			v.report("services", fmt.Sprintf("no service or job has the profile %s", quote(p)), suggestName(p, known, "profiles"))
		}
	}
}

func (v *validator) leftOut(name, path string, deps DependsOn, calls Calls, out map[string][]string) {
	for _, dep := range slices.Sorted(maps.Keys(deps)) {
		if profiles := out[dep]; profiles != nil {
			v.report(join(path, "depends_on", dep), fmt.Sprintf("%s depends on %s, which the profiles leave out", name, dep), fmt.Sprintf("ask for the profile %s, or give %s the same profiles", profiles[0], name))
		}
	}
	for _, callee := range slices.Sorted(maps.Keys(calls)) {
		if profiles := out[callee]; profiles != nil {
			v.warn(v.at(join(path, "calls", callee)), fmt.Sprintf("%s calls %s, which the profiles leave out: its calls will fail", name, callee), "ask for the profile "+profiles[0]+" if that is not meant")
		}
		call := calls[callee]
		if call == nil {
			continue
		}
		if f := call.Fallback; f != nil && out[f.Service] != nil {
			v.warn(v.at(join(path, "calls", callee, "fallback", "service")), fmt.Sprintf("%s falls back to %s, which the profiles leave out", name, f.Service), "ask for the profile "+out[f.Service][0]+" if that is not meant")
		}
		if m := call.Mirror; m != nil && out[m.To] != nil {
			v.warn(v.at(join(path, "calls", callee, "mirror", "to")), fmt.Sprintf("%s mirrors to %s, which the profiles leave out", name, m.To), "ask for the profile "+out[m.To][0]+" if that is not meant")
		}
	}
}
