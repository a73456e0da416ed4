package coordinator

import (
	"encoding/json"
	"strings"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// What the timeline keeps of one line.
const (
	bodyKept = 4 << 10
	textKept = 1 << 10
)

// encodeLog returns what is logged of effects, nil for nothing.
func encodeLog(effects []machine.Effect) []byte {
	var entries []Entry
	for _, effect := range effects {
		switch e := effect.(type) {
		case machine.Log:
			entries = append(entries, Entry{Step: e.Step, Op: e.Op, Attempt: e.Attempt, What: e.What, Status: e.Status, Text: cut(e.Text, textKept), Body: cutBody(e.Body)})
		case machine.Call:
			r := e.Request
			entries = append(entries, Entry{
				Step: e.Step, Op: e.Op, Attempt: e.Attempt, What: "called",
				Text: cut(r.Method+" "+r.Service+" "+r.Path, textKept), Body: cutBody(r.Body),
			})
		case machine.Poll:
			entries = append(entries, Entry{Step: e.Step, Op: e.Op, Attempt: e.Attempt, What: "polled", Text: cut("GET "+e.Service+" "+e.URL, textKept)})
		}
	}
	if entries == nil {
		return nil
	}
	text, err := json.Marshal(entries)
	if err != nil { // a body that is no JSON, which is for people only
		for i := range entries {
			entries[i].Body = nil
		}
		text, _ = json.Marshal(entries)
	}
	return text
}

func cut(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "�")
}

// cutBody returns a body, or the beginning of its text.
func cutBody(body json.RawMessage) json.RawMessage {
	if len(body) <= bodyKept {
		return body
	}
	text, _ := json.Marshal(cut(string(body), bodyKept) + "…") // of a string: never fails
	return text
}
