package daemon

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

func TestSecretsAreHidden(t *testing.T) {
	for text, want := range map[string]string{
		"      API_TOKEN: hunter2\n      PLAIN: x\n":                   "      API_TOKEN: [hidden]\n      PLAIN: x\n",
		"environment: {API_TOKEN: hunter2, PLAIN: x}":                  "environment: {API_TOKEN: [hidden], PLAIN: x}",
		`environment: {"DB_PASSWORD": "a, b", PLAIN: x}`:               `environment: {"DB_PASSWORD": [hidden], PLAIN: x}`,
		"  - STRIPE_SECRET=hunter2":                                    "  - STRIPE_SECRET=[hidden]",
		"DB_PASSWORD: ${secret.DB_PASSWORD}":                           "DB_PASSWORD: ${secret.DB_PASSWORD}",
		"MIRROR: postgres://u:hunter2@db/x":                            "MIRROR: postgres://u:[hidden]@db/x",
		"url: postgres://u:${secret.PG}@db/x":                          "url: postgres://u:${secret.PG}@db/x",
		"secrets: {STRIPE_KEY: {environment: STRIPE}}\nservices: {}\n": "secrets: {STRIPE_KEY: {environment: STRIPE}}\nservices: {}\n",
	} {
		if got := hideText(text); got != want {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
	app := &model.App{Name: "a", Services: map[string]*model.Service{
		"web": {Spec: &appfile.Service{
			Command: appfile.Command{"./web"}, Environment: appfile.Environment{"apiKey": "x", "api_key": "hunter2", "URL": "amqp://u:hunter2@h", "N": "1"},
		}},
		"sweep":       {Job: &model.Job{Schedule: "@daily"}, Spec: &appfile.Service{Command: appfile.Command{"./sweep"}, Environment: appfile.Environment{"PASSWORD": "hunter2"}}},
		"web.migrate": {Of: "web", Spec: &appfile.Service{}},
	}}
	data, err := render(app)
	if err != nil || strings.Contains(string(data), "hunter2") || strings.Contains(string(data), "migrate") || !strings.Contains(string(data), "@daily") {
		t.Errorf("%v\n%s", err, data)
	}
	if app.Services["web"].Spec.Environment["api_key"] != "hunter2" {
		t.Error("the app itself was changed")
	}
}
