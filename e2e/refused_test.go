package e2e

import (
	"net/http"
	"strings"
	"testing"
)

const callsFile = `
name: calls
gateway: {listen: ":${port}", routes: [{path: /front, to: front}]}
services:
	front:
		command: ${testapp}
		calls: {back: {}}
	back: {command: "${testapp}"}
	vault: {command: "${testapp}"}
`

// A call that is not declared is refused, and the refusal names both sides.
func TestUndeclaredCall(t *testing.T) {
	a := newApp(t, callsFile)
	a.up()

	var callee identity
	get(t, a.url("/front/call?url=BACK_URL&path=/x")).decode(t, &callee)
	if callee.Service != "back" {
		t.Errorf("the declared call reached %+v", callee)
	}
	p := ask(t, http.MethodGet, a.url("/front/call?url=VAULT_URL&path=/secrets"), nil).problem(t, http.StatusForbidden, "call-refused")
	if !strings.Contains(p.Detail, "front") || !strings.Contains(p.Detail, "vault") {
		t.Errorf("the refusal names not both sides: %+v", p)
	}
	t.Logf("refused: %+v", p)
	ask(t, http.MethodGet, a.url("/vault"), nil).problem(t, http.StatusNotFound, "no-route")

	// Once it is declared it works; only the caller is replaced.
	before := a.pidsNow()
	a.edit("calls: {back: {}}", "calls: {back: {}, vault: {}}")
	a.up()
	get(t, a.url("/front/call?url=VAULT_URL&path=/secrets")).decode(t, &callee)
	if callee.Service != "vault" {
		t.Errorf("the declared call reached %+v", callee)
	}
	after := a.pidsNow()
	delete(before, "front-1")
	delete(after, "front-2")
	samePids(t, before, after)
}
