package metrics

import (
	"os/exec"
	"strings"
	"testing"
)

// What Prometheus' packages import and nobody here needs stays out of the program:
// see third_party/README.md.
func TestLinkedPackages(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../../cmd/banyan").Output()
	if err != nil {
		t.Skipf("go list does not run here: %v", err)
	}
	for p := range strings.FieldsSeq(string(out)) {
		for _, not := range []string{
			"k8s.io/apimachinery", "github.com/aws/", "cloud.google.com/go/auth", "github.com/AzureAD/",
			// The linker keeps every method of every type where these are reached.
			"golang.org/x/net/trace", "html/template",
		} {
			if strings.HasPrefix(p, not) {
				t.Errorf("the program links %s; find out through what: go mod why -m, go list -deps", p)
			}
		}
	}
}
