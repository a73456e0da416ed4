package model_test

import (
	"testing"

	"github.com/banyanrun/banyan/internal/model"
)

func TestStuck(t *testing.T) {
	ready := model.ServiceStatus{State: model.State(model.Ready)}
	for name, c := range map[string]struct {
		service model.ServiceStatus
		want    bool
	}{
		"nothing makes it go on":               {model.ServiceStatus{State: model.StateWaiting}, true},
		"it waits for the old one to stop":     {model.ServiceStatus{State: model.StateWaiting, Instances: []model.Instance{{Phase: model.Stopping, Retiring: true}}}, false},
		"its next revision does not fit":       {model.ServiceStatus{State: model.StateWaiting, Instances: []model.Instance{{Phase: model.Ready}}}, true},
		"it failed":                            {model.ServiceStatus{State: model.State(model.Failed)}, true},
		"it is being built":                    {model.ServiceStatus{State: model.StateBuilding}, false},
		"it crashed once":                      {model.ServiceStatus{State: model.State(model.BackingOff), Instances: []model.Instance{{Phase: model.BackingOff, Crashes: 1}}}, false},
		"it crashes again and again":           {model.ServiceStatus{State: model.State(model.BackingOff), Instances: []model.Instance{{Phase: model.BackingOff, Crashes: 3}}}, true},
		"the revision before crashed":          {model.ServiceStatus{State: model.State(model.Starting), Revision: "new", Instances: []model.Instance{{Phase: model.BackingOff, Crashes: 3, Revision: "old"}, {Phase: model.Starting, Revision: "new"}}}, false},
		"an instance that crashed goes anyway": {model.ServiceStatus{State: model.State(model.BackingOff), Instances: []model.Instance{{Phase: model.BackingOff, Crashes: 3, Retiring: true}}}, false},
	} {
		st := model.Status{App: &model.App{}, DataPlane: model.ProcessStatus{Ready: true}, Services: []model.ServiceStatus{ready, c.service}}
		if got := st.Stuck(); got != c.want {
			t.Errorf("%s: stuck is %t, want %t", name, got, c.want)
		}
	}
}
