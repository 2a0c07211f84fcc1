// Package harness holds Faultline's central types and its engine: it starts nothing by itself,
// but given a [Runtime] it brings up a [System], lets a [Workload]'s workers call it, injects the
// faults of a [Schedule], heals everything, and records what happened as a history of ops (package history).
//
// Everything here, in nemesis and in workloads is plain blocking code that blocks only in [Env]
// and in calls to a [Cluster] or [KV]. It never uses package time's clocks, the go statement,
// channels between tasks or global randomness. That is what lets the same code run on goroutines
// and real time (package harness/realtime) and on coroutines and virtual time (package
// harness/sim). A lint (internal/seamlint) enforces it.
//
// Of this module the package imports history only.
package harness
