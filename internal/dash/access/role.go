package access

import (
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// Role is what somebody may do.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // look
	Operator Role = "operator" // look and act
)

// Need is what an RPC asks of who calls it from a browser.
type Need int

// The needs. The zero value refuses everybody.
const (
	Never Need = iota // not from a browser
	Read              // any role
	Act               // an operator
)

// needs are those of every RPC that a browser may call. What changes something is
// an act, and what runs anything else than the app in force is left to the CLI.
var needs = map[string]Need{
	banyanv1connect.ControlServiceGetStatusProcedure:       Read,
	banyanv1connect.ControlServiceWatchProcedure:           Read,
	banyanv1connect.ControlServiceLogsProcedure:            Read,
	banyanv1connect.ControlServiceStatsProcedure:           Read,
	banyanv1connect.ControlServiceListTopicsProcedure:      Read,
	banyanv1connect.ControlServiceTailEventsProcedure:      Read,
	banyanv1connect.ControlServiceListDeadProcedure:        Read,
	banyanv1connect.ControlServiceListDelayedProcedure:     Read,
	banyanv1connect.ControlServiceListSagasProcedure:       Read,
	banyanv1connect.ControlServiceGetSagaProcedure:         Read,
	banyanv1connect.ControlServiceRestartProcedure:         Act,
	banyanv1connect.ControlServiceScaleProcedure:           Act,
	banyanv1connect.ControlServiceRunJobProcedure:          Act,
	banyanv1connect.ControlServicePublishEventsProcedure:   Act,
	banyanv1connect.ControlServiceRedriveProcedure:         Act,
	banyanv1connect.ControlServiceReplayProcedure:          Act,
	banyanv1connect.ControlServiceSetSubscriptionProcedure: Act,
	banyanv1connect.ControlServiceDropEventsProcedure:      Act,
	banyanv1connect.ControlServiceRepairTopicProcedure:     Act,
	banyanv1connect.ControlServiceStartSagaProcedure:       Act,
	banyanv1connect.ControlServiceSteerSagaProcedure:       Act,
	banyanv1connect.ControlServiceDownProcedure:            Act,
	banyanv1connect.ControlServiceApplyProcedure:           Never,

	banyanv1connect.TelemetryServiceSearchTracesProcedure: Read,
	banyanv1connect.TelemetryServiceGetTraceProcedure:     Read,
	banyanv1connect.TelemetryServiceSearchLogsProcedure:   Read,
	banyanv1connect.TelemetryServiceTailLogsProcedure:     Read,
	banyanv1connect.TelemetryServiceCountLogsProcedure:    Read,
	banyanv1connect.TelemetryServiceCompleteProcedure:     Read,
	banyanv1connect.TelemetryServiceGetMapProcedure:       Read,
	banyanv1connect.TelemetryServiceListAlertsProcedure:   Read,
	banyanv1connect.TelemetryServiceGetTelemetryProcedure: Read,

	banyanv1connect.DashboardServiceListActionsProcedure:   Read,
	banyanv1connect.DashboardServiceGetAppFileProcedure:    Read,
	banyanv1connect.DashboardServiceOpenDashboardProcedure: Never,
}

// NeedOf is what a procedure needs.
func NeedOf(procedure string) Need { return needs[procedure] }

// Changes reports whether a call of the procedure is an action that is worth a
// record, whoever makes it.
func Changes(procedure string) bool {
	return needs[procedure] == Act || procedure == banyanv1connect.ControlServiceApplyProcedure
}

// May reports whether the role meets the need.
func (r Role) May(n Need) bool {
	switch n {
	case Read:
		return r == Viewer || r == Operator
	case Act:
		return r == Operator
	case Never:
	}
	return false
}
