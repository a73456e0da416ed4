package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/postgres/pgtest"
)

// programs are what the tests run, built once.
type programs struct {
	dir     string // open to all users, as services run under users of their own
	repo    string
	banyan  string
	testapp string
	shop    func() (string, error) // directory of the shop's built services
}

var bin programs

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	if runtime.GOOS != "linux" {
		fmt.Fprintln(os.Stderr, "skipped: the end-to-end tests look at processes through /proc; run them on Linux or in CI")
		return 0
	}
	for _, name := range []string{"BANYAN_STATE_DIR", "BANYAN_SECRET_KEY_FILE"} {
		_ = os.Unsetenv(name) // they would lead the tests into the caller's own app
	}
	dir, err := os.MkdirTemp("", "banyan-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code = m.Run()
	pgtest.Stop()
	figures.print(os.Stdout)
	return code
}

// build makes Banyan and the test program.
func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	repo, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	bin = programs{
		dir: dir, repo: repo, banyan: filepath.Join(dir, "banyan"), testapp: filepath.Join(dir, "testapp"),
	}
	bin.shop = sync.OnceValues(func() (string, error) {
		out := filepath.Join(dir, "shop")
		return out, goBuild(filepath.Join(repo, "examples", "shop"), out+"/", append([]string{}, shopServices...)...)
	})
	if err := goBuild(repo, bin.banyan, "./cmd/banyan"); err != nil {
		return err
	}
	return goBuild(repo, bin.testapp, "./e2e/testapp")
}

// shopServices are the packages of the shop that are programs.
var shopServices = []string{"./storefront", "./user", "./catalog", "./inventory", "./order", "./payment", "./shipping"}

func goBuild(dir, out string, packages ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", out}, packages...)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", strings.Join(packages, " "), err, text)
	}
	return nil
}
