package appfile_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/banyanrun/banyan/appfile"
)

func ExampleParse() {
	file, err := appfile.Parse("banyan.yaml", []byte(`
name: shop
services:
  order:
    command: ./order --port ${port}
    calls: [inventory]
  inventory:
    command: ./inventory
    replicas: 2
`), appfile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	order := file.App.Services["order"]
	fmt.Printf("%q\n", []string(order.Command))
	fmt.Println(*order.Calls["inventory"].Timeout, order.Update.Strategy, *file.App.Services["inventory"].Replicas)
	// Output:
	// ["./order" "--port" "${port}"]
	// 30s rolling 2
}

func ExampleProblems() {
	source := []byte(`services:
  order:
    comand: ./order
    calls: [inventry]
  inventory:
    command: ./inventory
    start_timeout: 5
`)
	_, err := appfile.Parse("banyan.yaml", source, appfile.Options{})
	if problems, ok := errors.AsType[appfile.Problems](err); ok {
		fmt.Print(problems.Render(func(string) ([]byte, error) { return source, nil }))
	}
	// Output:
	// banyan.yaml:3:5: a service has no key "comand"; did you mean command?
	//   2 |   order:
	//   3 |     comand: ./order
	//     |     ^
	// banyan.yaml:4:13: order calls "inventry", which is not a service of this app; did you mean inventory?
	//   3 |     comand: ./order
	//   4 |     calls: [inventry]
	//     |             ^
	// banyan.yaml:7:20: start_timeout: the duration "5" has no unit; write 5s for seconds, or 5ms for milliseconds
	//   6 |     command: ./inventory
	//   7 |     start_timeout: 5
	//     |                    ^
}

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	base := "services:\n  web:\n    command: ./web\n    environment: {LEVEL: debug, REGION: eu}\n"
	overlay := "services:\n  web:\n    replicas: 3\n    environment: {LEVEL: warn}\n"
	for name, text := range map[string]string{"banyan.yaml": base, "banyan.prod.yaml": overlay} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	file, err := appfile.Load(appfile.Options{Path: dir, Env: "prod"})
	if err != nil {
		fmt.Println(err)
		return
	}
	web := file.App.Services["web"]
	fmt.Println(*web.Replicas, web.Environment["LEVEL"], web.Environment["REGION"])
	// Output: 3 warn eu
}

func ExampleExpand() {
	arg, err := appfile.Expand("--api=${services.inventory.url}/v1", func(r appfile.Ref) (string, error) {
		return map[string]string{"inventory": "http://127.0.0.1:20001"}[r.Name], nil
	})
	fmt.Println(arg, err)
	// Output: --api=http://127.0.0.1:20001/v1 <nil>
}

func ExampleRefs() {
	for _, r := range appfile.Refs("${services.user.url}/jwks ${env.HOME:-/root}") {
		fmt.Println(r.Kind, r.Name, r.Attr)
	}
	// Output:
	// services user url
	// env HOME
}

func ExampleApp_ApplyDefaults() {
	app := &appfile.App{Services: map[string]*appfile.Service{
		"web": {Command: appfile.Command{"./web"}},
	}}
	app.ApplyDefaults("/srv/shop")
	fmt.Println(app.Name, *app.Services["web"].Replicas, app.Services["web"].Readiness.TCP, app.Validate())
	// Output: shop 1 true <nil>
}

func ExampleParseEnvFile() {
	_, err := appfile.ParseEnvFile(".env", []byte("LEVEL=debug\nPORT: 8080\n"))
	fmt.Println(err)
	// Output: .env:2:1: "PORT: 8080" is not of the form NAME=value; write PORT=8080
}
