package appfile

import "time"

func (a *App) dashboardDefaults() {
	if a.Dashboard == nil || a.Dashboard.OIDC == nil {
		return
	}
	o := a.Dashboard.OIDC
	if len(o.Scopes) == 0 {
		o.Scopes = StringList{"email", "profile"}
	}
	setDefault(&o.GroupsClaim, "groups")
	setDefault(&o.SessionTime, Duration(12*time.Hour))
}
