package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Actions are the lines of `banyan audit`: what people did, the newest last.
func Actions(list *banyanv1.ListActionsResponse, width int, color bool) []string {
	headings := []cell{{text: "TIME", style: Bold}, {text: "WHO", style: Bold}, {text: "FROM", style: Bold}, {text: "ACTION", style: Bold}, {text: "RESULT", style: Bold}}
	var rows []row
	for _, a := range slices.Backward(list.GetActions()) {
		who := a.GetWho()
		if a.GetRole() != "" {
			who += " (" + a.GetRole() + ")"
		}
		result := cell{text: cmp.Or(a.GetResult(), "not known"), style: Green}
		if a.GetResult() != "ok" {
			result.style = Red
		}
		rows = append(rows, row{cells: []cell{
			{text: a.GetTime().AsTime().Local().Format(time.DateTime), style: Dim}, {text: who}, {text: a.GetFrom()},
			{text: strings.TrimSpace(a.GetProcedure() + " " + a.GetWhat())}, result,
		}})
	}
	return table(headings, rows, width, color)
}
