// Package figure16 repeats figure 16 of the Raft paper (extended version, section 9.3): how long five
// servers are without a leader, for ten ranges of election timeouts, beside every trial of the paper's own
// figure and beside a model of it. It is all that this repository knows of that experiment: the set-up in a
// simulation and on real processes, the paper's numbers, the judgement, the drawing.
//
// # Elections that harm a store
//
// The figure needs timeouts from a range of a millisecond, a heartbeat of half of them, no pre-vote and no
// check of the quorum. core.Config.PlainElections is all that the store's core knows of it, and no flag,
// variable or build tag of raftkv leads there: imports_test.go keeps store/server and cmd/raftkv from
// importing anything of this, and a test of the core keeps them from naming it. On real processes a program
// of its own does, package server, a hidden subcommand of faultline: the core with its disk, and nothing
// else of the store. Its command line says where it listens and nothing about timeouts; it does nothing
// until a controller on its port says a magic line and sends a trial. So it cannot be switched on by
// accident: there is no switch. A build tag was the other way: it would have needed a second build of the
// store, and whoever has that by mistake has a store that looks like one.
//
// # A trial
//
// The logs of all five servers differ, so that two of the four survivors cannot win. The leader's heartbeats
// reach the others at the same time; it is crashed at any moment between two of them. A trial in which
// somebody campaigned before the crash is thrown away, and another one is done.
//
// In a simulation most ticks do nothing (sim.Sleeper), since timers have a tenth of a millisecond.
//
// Processes serve for many trials: between two of them each formats its disk anew, and only the leader's
// process, which was killed, is started again. All stamps are CLOCK_MONOTONIC; the crash is when the agent
// had sent the signal. Messages are held by their receiver until they are due, so the delay that is asked
// for contains what disk and network need anyway. How late they and the timers really were is the trial's
// [Ruler]: it is given to the model that the shape is compared with, and decides whether a line can be
// judged.
package figure16
