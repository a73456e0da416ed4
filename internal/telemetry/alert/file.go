package alert

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// outage is how long pending alerts are remembered while nothing evaluates them.
const outage = time.Hour

// document is what the file holds.
type document struct {
	Version int                            `json:"version"`
	Saved   time.Time                      `json:"saved"`
	Active  map[string][]Active            `json:"active"` // by rule
	Told    map[string]map[string]toldFile `json:"told"`   // by receiver and rule
}

type toldFile struct {
	Alerts []Active  `json:"alerts"`
	Last   time.Time `json:"last"`
}

const fileVersion = 1

// restore reads the file. One that is missing or damaged costs no more than that
// what fires is told once more.
func (e *Evaluator) restore() {
	if e.options.File == "" {
		return
	}
	text, err := os.ReadFile(e.options.File)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var d document
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err == nil && d.Version != fileVersion {
		err = errors.New("it is of another version")
	}
	if err != nil {
		e.options.Log.Warn("the state of alerts cannot be read: they begin anew", "file", e.options.File, "error", err)
		return
	}
	tooOld := e.options.Now().Sub(d.Saved) > outage
	e.restored = map[string][]Active{}
	for rule, list := range d.Active {
		for _, a := range list {
			if a.State == Firing || !tooOld {
				e.restored[rule] = append(e.restored[rule], a)
			}
		}
	}
	for receiver, groups := range d.Told {
		a := &account{receiver: Receiver{Name: receiver}, groups: map[string]*group{}}
		for rule, told := range groups {
			g := &group{told: map[string]Active{}, last: told.Last}
			for _, x := range told.Alerts {
				g.told[x.Labels.String()] = x
			}
			a.groups[rule] = g
		}
		e.told.receivers[receiver] = a
	}
}

// save writes the file. It is short, and one of any age is better than none.
func (e *Evaluator) save() {
	if e.options.File == "" {
		return
	}
	e.saving.Lock()
	defer e.saving.Unlock()
	d := document{Version: fileVersion, Saved: e.options.Now(), Active: map[string][]Active{}, Told: map[string]map[string]toldFile{}}
	e.mu.Lock()
	for _, t := range e.tracks {
		if list := t.list(); len(list) > 0 {
			d.Active[t.rule.Name] = storable(list)
		}
	}
	for name, a := range e.told.receivers {
		d.Told[name] = map[string]toldFile{}
		for rule, g := range a.groups {
			told := toldFile{Last: g.last}
			told.Alerts = storable(slices.Collect(maps.Values(g.told)))
			d.Told[name][rule] = told
		}
	}
	e.mu.Unlock()
	if err := writeFile(e.options.File, d); err != nil {
		e.options.Log.Warn("the state of alerts cannot be written", "file", e.options.File, "error", err)
	}
}

// storable are alerts whose values JSON has.
func storable(list []Active) []Active {
	for i := range list {
		if math.IsNaN(list[i].Value) || math.IsInf(list[i].Value, 0) {
			list[i].Value = 0 // the next evaluation fills it in
		}
	}
	return list
}

// writeFile replaces a file as a whole.
func writeFile(name string, d document) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	part := name + ".part"
	if err := os.WriteFile(part, text, 0o600); err != nil {
		return err
	}
	return os.Rename(part, name)
}
