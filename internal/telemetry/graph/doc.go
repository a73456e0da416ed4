// Package graph draws the map of an app: who called whom in a time, at what rates,
// and who may by the app file. It joins what is declared with what the metrics say,
// so that it shows both calls that are declared and never made and calls that were
// refused because they are not declared. The daemon asks it for its doors.
//
// What it promises: rates are those of all requests, as the data plane counted them;
// what the data plane cannot see, such as databases and hosts outside of the app, is
// there as far as it is declared or the services' own spans tell.
package graph
