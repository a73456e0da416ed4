package view_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

// TestGolden renders each testdata/*.txtar: its comment names what is rendered
// and how (`progress width=60 color`), status.json is the input, want the output.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, ar)
			if *update {
				setFile(ar, "want", got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := content(ar, "want"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func render(t *testing.T, ar *txtar.Archive) string {
	t.Helper()
	first, _, _ := strings.Cut(string(ar.Comment), "\n")
	words := strings.Fields(first)
	set := map[string]string{}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		set[key] = value
	}
	_, color := set["color"]
	st := status(t, ar, "status.json")
	var lines []string
	switch words[0] {
	case "progress":
		_, down := set["down"]
		lines = view.Progress(st, view.Frame{
			Width: number(set["width"]), Height: number(set["height"]), Color: color, Down: down,
			Now: now, Start: now.Add(-2300 * time.Millisecond), Since: since(st), Tick: 3,
		})
		checkSize(t, lines, number(set["width"]), number(set["height"]))
	case "ps":
		_, all := set["instances"]
		lines = view.Status(st, view.StatusOptions{Width: number(set["width"]), Color: color, Now: now, Instances: all})
	case "changes":
		for _, c := range view.Changes(status(t, ar, "before.json"), st) {
			lines = append(lines, c.Text)
			lines = append(lines, c.Details...)
		}
	case "stats":
		lines = view.Stats(message[banyanv1.StatsResponse](t, ar, "before.json"), message[banyanv1.StatsResponse](t, ar, "after.json"),
			view.StatsOptions{Width: number(set["width"]), Color: color})
	case "topics":
		lines = view.Topics(message[banyanv1.ListTopicsResponse](t, ar, "before.json"), message[banyanv1.ListTopicsResponse](t, ar, "after.json"),
			view.TopicsOptions{Width: number(set["width"]), Color: color})
	case "events":
		e := message[banyanv1.StoredEvent](t, ar, "event.json")
		lines = []string{view.Event(e, view.EventOptions{Color: color, Location: time.UTC}), view.EventJSON(e)}
	case "dead":
		dead := message[banyanv1.ListDeadResponse](t, ar, "dead.json").GetDead()
		lines = view.Dead(dead, view.DeadOptions{Width: number(set["width"]), Color: color, Now: now})
		for _, d := range dead {
			lines = append(lines, view.DeadJSON(d))
		}
	case "sagas":
		list := message[banyanv1.ListSagasResponse](t, ar, "sagas.json").GetSagas()
		lines = view.Sagas(list, view.SagaOptions{Width: number(set["width"]), Color: color, Now: now})
		for _, s := range list {
			lines = append(lines, view.SagaJSON(s))
		}
	case "saga":
		one := message[banyanv1.GetSagaResponse](t, ar, "saga.json")
		lines = append(view.Saga(one, view.SagaOptions{Width: number(set["width"]), Color: color, Now: now}), view.SagaShowJSON(one))
	case "traces":
		list := message[banyanv1.SearchTracesResponse](t, ar, "traces.json").GetTraces()
		lines = view.Traces(list, view.TraceOptions{Width: number(set["width"]), Color: color, Now: now})
		for _, one := range list {
			lines = append(lines, view.TraceSummaryJSON(one))
		}
	case "trace":
		lines = view.Trace(message[banyanv1.GetTraceResponse](t, ar, "trace.json"), view.TraceOptions{Width: number(set["width"]), Color: color, Now: now})
		checkSize(t, lines, number(set["width"]), 0)
	case "entries":
		for _, e := range message[banyanv1.SearchLogsResponse](t, ar, "logs.json").GetLogs() {
			lines = append(lines, view.Entry(e, view.LogOptions{Names: 9, Terminal: color, Color: color, Location: time.UTC})...)
			lines = append(lines, view.EntryJSON(e))
		}
	case "top":
		before := view.Reading{At: now.Add(-2 * time.Second), Status: status(t, ar, "before.json"), Stats: message[banyanv1.StatsResponse](t, ar, "stats-before.json")}
		after := view.Reading{At: now, Status: status(t, ar, "after.json"), Stats: message[banyanv1.StatsResponse](t, ar, "stats-after.json")}
		o := view.TopOptions{Width: number(set["width"]), Color: color, Sort: set["sort"]}
		lines = append([]string{view.TopHead(before, after, o)}, view.Top(before, after, o)...)
		lines = append(lines, view.TopJSON(before, after, o.Sort)...)
	case "prom":
		var res view.PromResult
		if err := json.Unmarshal([]byte(content(ar, "answer.json")), &res); err != nil {
			t.Fatal(err)
		}
		lines = view.Prom(&res, view.PromOptions{Width: number(set["width"]), Color: color, Now: now})
	case "alerts":
		_, all := set["all"]
		lines = view.Alerts(message[banyanv1.ListAlertsResponse](t, ar, "alerts.json").GetRules(), view.AlertOptions{
			Width: number(set["width"]), Color: color, Now: now, All: all,
		})
	case "report":
		lines = view.Report(st, color)
	default:
		t.Fatalf("unknown kind %q", words[0])
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b", "^[") + "\n"
}

func checkSize(t *testing.T, lines []string, width, height int) {
	t.Helper()
	if height > 0 && len(lines) > height {
		t.Errorf("%d lines in a height of %d", len(lines), height)
	}
	for _, l := range lines {
		if w := view.Width(view.Clean(l)); width > 0 && w > width {
			t.Errorf("line of %d cells in a width of %d: %q", w, width, l)
		}
	}
}

// since pretends that services changed one after the other, a second apart.
func since(st *banyanv1.Status) map[string]time.Time {
	m := map[string]time.Time{}
	for i, s := range st.GetServices() {
		m[s.GetName()] = now.Add(-time.Duration(i+1) * 700 * time.Millisecond)
	}
	return m
}

func status(t *testing.T, ar *txtar.Archive, name string) *banyanv1.Status {
	t.Helper()
	text := content(ar, name)
	if text == "" {
		return nil
	}
	st := new(banyanv1.Status)
	if err := protojson.Unmarshal([]byte(text), st); err != nil {
		t.Fatal(err)
	}
	return st
}

// message reads a file of JSON.
func message[M any, P interface {
	*M
	proto.Message
}](t *testing.T, ar *txtar.Archive, name string) P {
	t.Helper()
	m := P(new(M))
	if err := protojson.Unmarshal([]byte(content(ar, name)), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func content(ar *txtar.Archive, name string) string {
	for _, f := range ar.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setFile(ar *txtar.Archive, name, text string) {
	for i := range ar.Files {
		if ar.Files[i].Name == name {
			ar.Files[i].Data = []byte(text)
			return
		}
	}
	ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(text)})
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // absent: 0
	return n
}

// TestProgressFits draws many sizes: never wider, never higher than it may be.
func TestProgressFits(t *testing.T) {
	st := &banyanv1.Status{App: "商店"}
	for i := range 40 {
		st.Services = append(st.Services, &banyanv1.Service{
			Name:    fmt.Sprintf("サービス-%d", i),
			State:   banyanv1.State(i % 13),
			Reason:  "👩‍👩‍👧 waits\x1b[31m for é and\ttabs",
			Details: []string{"one", "two\r", strings.Repeat("宽", 90)},
			Desired: 3,
		})
	}
	for width := 1; width < 90; width += 4 {
		for height := 1; height < 130; height += 7 {
			lines := view.Progress(st, view.Frame{Width: width, Height: height, Color: true, Now: now, Start: now})
			checkSize(t, lines, width, height)
		}
	}
}
