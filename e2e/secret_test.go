package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A secret reaches the service that names it, and nothing else: no argument, no
// log, no status, no file of the state but the secret's own.
func TestSecret(t *testing.T) {
	a := newApp(t, `
name: secrets
gateway: {listen: ":${port}", routes: [{path: /bank, to: bank}, {path: /other, to: other}]}
services:
	bank:
		command: ${testapp}
		secrets: {API_KEY: bank-key, FROM_FILE: filed, FROM_SHELL: shelled}
		environment: {DSN: "postgres://app:${secret.bank-key}@db/shop"}
	other: {command: "${testapp}"}
secrets:
	bank-key: {}
	filed: {file: key.txt}
	shelled: {environment: E2E_SHELL_SECRET}
`)
	values := map[string]string{"API_KEY": "typed-" + unique(), "FROM_FILE": "filed-" + unique(), "FROM_SHELL": "shell-" + unique()}
	a.source("key.txt", values["FROM_FILE"]+"\n")
	a.env = append(a.env, "E2E_SHELL_SECRET="+values["FROM_SHELL"])

	if r := a.banyan("up", "-d"); r.code == 0 || !strings.Contains(r.err, "bank-key") || !strings.Contains(r.err, "banyan secret set") {
		t.Errorf("a secret without a value: %s", r)
	}
	set := a.command("secret", "set", "bank-key")
	set.Stdin = strings.NewReader(values["API_KEY"] + "\n")
	if r := a.run(set); r.code != 0 || strings.Contains(r.out+r.err, values["API_KEY"]) {
		t.Fatal(r)
	}
	up := a.up()
	list := a.must("secret", "ls")
	for _, name := range []string{"bank-key", "filed", "shelled"} {
		if !strings.Contains(list.out, name) {
			t.Errorf("secret ls lacks %s: %s", name, list)
		}
	}
	for variable, value := range values {
		says(t, a.url("/bank/env?name="+variable), value)
		says(t, a.url("/other/env?name="+variable), "")
		get(t, a.url("/bank/say?line=the-value-is-"+value+"-and-no-more"))
	}
	says(t, a.url("/other/env?name=E2E_SHELL_SECRET"), "")
	says(t, a.url("/bank/env?name=DSN"), "postgres://app:"+values["API_KEY"]+"@db/shop")
	a.waitForLine(t, "bank", "-and-no-more", 3)

	shown := map[string]string{
		"up": up.String(), "secret ls": list.String(), "ps": a.must("ps", "-i").out, "ps --json": a.must("ps", "--json").out,
		"logs": a.must("logs").out, "logs --json": a.must("logs", "--json").out,
	}
	for _, p := range a.processes() {
		shown["argv of "+p.String()] = strings.Join(p.argv, " ")
	}
	for name, value := range values {
		for what, text := range shown {
			if strings.Contains(text, value) {
				t.Errorf("%s shows the secret in %s", what, name)
			}
		}
		for _, file := range a.filesWith(value) {
			if !strings.Contains(file, "/spool/") { // what a program itself writes is there as it wrote it, for a while
				t.Errorf("%s holds the secret in %s", file, name)
			}
		}
	}

	// A new value replaces what uses it, when it is applied.
	before := a.pidsNow()
	renewed := "typed-" + unique()
	set = a.command("secret", "set", "bank-key")
	set.Stdin = strings.NewReader(renewed)
	if r := a.run(set); r.code != 0 {
		t.Fatal(r)
	}
	a.up()
	says(t, a.url("/bank/env?name=API_KEY"), renewed)
	await(t, 10*time.Second, "the spool of an instance that is gone to go", func() error {
		if files := a.filesWith(values["API_KEY"]); len(files) > 0 {
			return fmt.Errorf("%v holds the old secret", files)
		}
		return nil
	})
	after := a.pidsNow()
	if before["other-1"] != after["other-1"] {
		t.Error("a service without the secret was replaced")
	}
}

// filesWith are the files of the state directory that hold the text and are not
// where secrets are kept.
func (a *app) filesWith(text string) []string {
	a.t.Helper()
	var list []string
	err := filepath.WalkDir(a.layout.StateDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, a.layout.Secrets) {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) {
			list = append(list, path)
		}
		return nil // a file may go meanwhile
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return list
}
