package daemon

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

func TestSecretsAreHidden(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n  environment:\n    # why\n    API_TOKEN: hunter2 # why\n\n    PORT: 80\n":    "a:\n  environment:\n    # why\n    API_TOKEN: [hidden] # why\n\n    PORT: 80\n",
		"environment: {A: hunter2, PLAIN: x, N: 1}":                                        "environment: {A: [hidden], PLAIN: [hidden], N: 1}",
		`environment: {"DB_PASSWORD": "hun\"ter, 2}", PLAIN: 'a''hunter2'}`:                `environment: {"DB_PASSWORD": [hidden], PLAIN: [hidden]}`,
		"environment:\n  - STRIPE=hunter2\n  - \"B=hunter2\"\n":                            "environment:\n  - STRIPE=[hidden]\n  - B=[hidden]\n",
		"environment:\n  A: |\n    hunter2\n    hunter2\n  B:\n    hunter2\n  C: x\n":      "environment:\n  A: |\n    [hidden]\n  B:\n    [hidden]\n  C: [hidden]\n",
		"environment: {A: \"${secret.DB_PASSWORD}\"}":                                      "environment: {A: \"${secret.DB_PASSWORD}\"}",
		"notify:\n  - slack: https://hooks.example/T0/hunter2\n  - webhook: ${secret.X}\n": "notify:\n  - slack: [hidden]\n  - webhook: ${secret.X}\n",
		"x:\n  db_password: hunter2\n":                                                     "x:\n  db_password: [hidden]\n",
		"url: postgres://u:hun@ter2@db/x":                                                  "url: postgres://u:[hidden]@db/x",
		"url: postgres://u:$hunter2@db/x":                                                  "url: postgres://u:[hidden]@db/x",
		"url: postgres://u:${secret.PG}@db/x":                                              "url: postgres://u:${secret.PG}@db/x",
		"secrets: {STRIPE_KEY: {environment: STRIPE}}\nservices: {}\n":                     "secrets: {STRIPE_KEY: {environment: STRIPE}}\nservices: {}\n",
		"gateway: {jwt: {jwks: \"${services.user.url}/x\"}}\n":                             "gateway: {jwt: {jwks: \"${services.user.url}/x\"}}\n",
		"routes: [{path: /, to: web, auth: required}]\ntopics: {a: {key: subject}}\n":      "routes: [{path: /, to: web, auth: required}]\ntopics: {a: {key: subject}}\n",
		"environment: {key: hunter2}":                                                      "environment: {key: [hidden]}",
		"a: [hunter2":                                                                      unreadable,
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
