package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/shop/contract"
)

// TestMain is also the service itself, for TestKilledProcess.
func TestMain(m *testing.M) {
	if os.Getenv("ORDER_TEST_SERVE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A real process is killed (SIGKILL) while the bank is asked, and started again. It ends by SIGTERM, with 0.
func TestKilledProcess(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "order.db")
	reached := make(chan struct{}, 1)
	w.vary("charge", func() fault { reached <- struct{}{}; return hangsAfter })

	first, url := spawn(t, w, path)
	go func() { _, _ = ask("POST", url+"/api/orders", twoMugs, nil) }()
	<-reached
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	w.mend()

	second, url := spawn(t, w, path)
	var orders contract.List[contract.Order]
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { //nolint:forbidigo // asks another process
		if status, err := ask("GET", url+"/api/orders", "", &orders); err != nil || status != 200 {
			t.Fatalf("%d, %v", status, err)
		}
		if len(orders.Items) == 1 && orders.Items[0].Status == "confirmed" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not finished: %+v", orders.Items)
		}
	}
	w.expectLeft(t, "", whole)
	if err := second.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Fatalf("stopped with %v", err)
	}
}

// spawn starts the service as a process, and gives its address.
func spawn(t *testing.T, w *world, path string) (*exec.Cmd, string) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = []string{"ORDER_TEST_SERVE=1", "PORT=0", "DATABASE_PATH=" + path}
	for _, name := range []string{"catalog", "inventory", "payment", "shipping"} {
		command.Env = append(command.Env, strings.ToUpper(name)+"_URL="+w.url+"/"+name)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var record struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &record) == nil && record.Msg == "listening" {
			go func() {
				for lines.Scan() { // so that the pipe never fills
				}
			}()
			return command, "http://" + record.Address
		}
	}
	t.Fatal("the service did not start")
	return nil, ""
}

// ask sends a request as Ada does.
func ask(method, url, body string, out any) (int, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("X-User-Id", "ada")
	request.Header.Set("Idempotency-Key", "k1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if out == nil {
		return response.StatusCode, nil
	}
	return response.StatusCode, json.NewDecoder(response.Body).Decode(out)
}
